/** What a peer's client sends with each call. */
export interface PeerCall {
  readonly id: string;
  /** What a call between services carries; peers without headers send it beside the request. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
}
