import type { Call, CallListener, CallStatus } from "#mesh/channel";
import { Ending, type EndSignal, type Outcome } from "#mesh/resilience";
import { statusOf } from "./attempt-status.ts";
import type { UnaryAnswer } from "./mesh-call.ts";

/**
 * A unary call whose attempts are made elsewhere: it holds the answer until the caller asks for it, and tells the caller's
 * cancelling to whoever makes the attempts.
 */
export class UnaryCall implements Call {
  readonly #listener: CallListener;
  readonly #cancelled = new Ending();
  #answer: Buffer | undefined;
  #status: CallStatus | undefined;
  #wanted = 0;
  #ended = false;

  constructor(listener: CallListener) {
    this.#listener = listener;
  }

  /** Aborts when the caller has cancelled. */
  get signal(): EndSignal {
    return this.#cancelled;
  }

  /** The message of a unary call is part of its request. */
  write(): boolean {
    return true;
  }

  halfClose(): void {}

  read(): void {
    this.#wanted++;
    this.#deliver();
  }

  cancel(code: number, message: string): void {
    if (this.#ended) return;
    this.#end({ code, message, trailer: {} });
    this.#cancelled.abort();
  }

  /** The attempts are over. */
  settle(outcome: Outcome<UnaryAnswer>): void {
    if (this.#ended) return;
    if (outcome.ok) {
      const { header, message, trailer } = outcome.value;
      this.#answer = message;
      this.#status = { code: 0, message: "", trailer };
      this.#listener.onHeader(header);
      this.#deliver();
      return;
    }
    const status = statusOf(outcome);
    if (status.header) this.#listener.onHeader(status.header);
    this.#end(status);
  }

  #deliver(): void {
    if (this.#wanted > 0 && this.#answer) {
      const answer = this.#answer;
      this.#answer = undefined;
      this.#wanted--;
      this.#listener.onMessage(answer);
    }
    if (this.#wanted > 0 && this.#status && !this.#answer) this.#end(this.#status);
  }

  #end(status: CallStatus): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listener.onEnd(status);
  }
}
