/** What went wrong at the broker, and hence what to do about it. */
export type BrokerFaultKind =
  /** Not reachable, or no answer: the outcome is unknown, the same message may be sent again. */
  | "away"
  /** The stream is full: nothing can be stored until something ages out or the limit is raised. */
  | "full"
  /** This one message cannot be stored, however often it is sent. */
  | "refused"
  /** A stream or consumer exists with another configuration than wanted. */
  | "drift"
  /** The stream does not exist (yet). */
  | "no stream";

/** A fault of the broker. */
export class BrokerFault extends Error {
  override readonly name = "BrokerFault";
  readonly kind: BrokerFaultKind;
  constructor(kind: BrokerFaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
