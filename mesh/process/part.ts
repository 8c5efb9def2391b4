/** Something with a life: a server, a pool, a worker, or a group of them. */
export interface Part {
  /** Name for messages and logs. */
  readonly name: string;
  /** Resolves when the part works. Throws when it cannot; nothing of it is left running then. */
  start(): Promise<void>;
  /** Finishes the work in hand and releases everything. Safe to call on a part that did not start. */
  stop(): Promise<void>;
}
