import type { Call, CallListener } from "./channel.ts";
import { type CallStatus, type ReceivedMetadata, Status } from "./status.ts";

/** Puts the answer of a unary call together: its header, and the one message that it may have. */
export abstract class UnaryListener implements CallListener {
  protected call: Call | undefined;
  protected header: ReceivedMetadata | undefined;
  protected message: Buffer | undefined;

  /** Asks for the answer. To be called with the call as soon as it is started. */
  begin(call: Call): void {
    this.call = call;
    call.read();
  }

  onHeader(received: ReceivedMetadata): void {
    this.header = received;
  }

  onMessage(received: Buffer): void {
    if (this.message) this.call?.cancel(Status.UNIMPLEMENTED, "the server sent more than one response");
    this.message = received;
    // The status comes only after everything is read.
    this.call?.read();
  }

  onWritable(): void {}

  abstract onEnd(status: CallStatus): void;
}
