/**
 * The domain says no, for a reason that a client may switch on. The mesh answers with the status and the sentence that
 * the reason's (heddle.v1.error) option declares, and with google.rpc.ErrorInfo.
 */
export class Refusal<Reason extends number = number> extends Error {
  /** A value of the service's enum of error reasons. */
  readonly reason: Reason;
  /** Sent with the reason; fills the "{name}" places of its sentence. Holds nothing that the caller may not see. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(reason: Reason, metadata: Record<string, string> = {}) {
    super(`refused for reason ${reason}`);
    this.name = "Refusal";
    this.reason = reason;
    this.metadata = metadata;
  }
}
