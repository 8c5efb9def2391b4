import { Code } from "#gen/google/rpc/code_pb.ts";
import type { Call, CallListener, CallStatus, Channel, ReceivedMetadata } from "#mesh/channel";
import { type AttemptInfo, Ending, type EndSignal, type Outcome, type Progress } from "#mesh/resilience";
import { failureOf, statusOf, withAttempts } from "./attempt-status.ts";
import type { MeshCallRequest } from "./mesh-call.ts";

/** Messages of a stream are kept for another attempt up to so many bytes. */
const KEPT_BYTES = 64 * 1024;

/**
 * A streaming call whose attempts are made elsewhere, one after the other. What the caller writes is kept until an answer
 * begins, so that another attempt can send it again (gRFC A6); from then on the call is that attempt's.
 */
export class StreamCall implements Call {
  readonly #listener: CallListener;
  readonly #request: MeshCallRequest;
  readonly #cancelled = new Ending();
  /** The attempt under way. */
  #current: Call | undefined;
  /** What was written; undefined once it cannot be sent again. */
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  #halfClosed = false;
  /** Messages that were asked for and have not come. */
  #wanted = 0;
  /** Whether the caller waits for room. */
  #blocked = false;
  #ended = false;

  constructor(request: MeshCallRequest, listener: CallListener) {
    this.#request = request;
    this.#listener = listener;
    if (!request.message) return;
    this.#keep(request.message);
    this.#halfClosed = true;
  }

  /** Aborts when the caller has cancelled. */
  get signal(): EndSignal {
    return this.#cancelled;
  }

  write(message: Uint8Array): boolean {
    if (this.#ended) return true;
    this.#keep(message);
    this.#blocked = !(this.#current?.write(message) ?? this.#keptBytes <= KEPT_BYTES);
    return !this.#blocked;
  }

  halfClose(): void {
    this.#halfClosed = true;
    this.#current?.halfClose();
  }

  read(): void {
    this.#wanted++;
    this.#current?.read();
  }

  cancel(code: number, message: string): void {
    this.#end({ code, message, trailer: {} });
    this.#cancelled.abort();
  }

  /** Makes one attempt on a channel, and ends it when the signal aborts, which it does at the deadline at the latest. */
  attempt(channel: Channel, info: AttemptInfo, signal: EndSignal): Promise<Outcome<CallStatus>> {
    const { promise, resolve } = Promise.withResolvers<Outcome<CallStatus>>();
    const { path, metadata } = this.#request;
    const sent = withAttempts(metadata, info.number);
    const request = { path, metadata: sent, deadlineMs: info.deadline, watched: true };
    let begun = false;
    const begin = () => {
      if (begun) return;
      begun = true;
      this.#kept = undefined;
      info.opened();
    };
    const call = channel.start(request, {
      onHeader: (header) => {
        begin();
        this.#tellHeader(header);
      },
      onMessage: (message) => {
        begin();
        this.#tellMessage(message);
      },
      onWritable: () => this.#unblock(),
      onEnd: (status) => {
        signal.removeEventListener("abort", cancel);
        if (this.#current === call) this.#current = undefined;
        resolve(status.code === Code.OK ? { ok: true, value: status } : failureOf(status, this.#progressOf(status)));
      },
    });
    const cancel = () => call.cancel(Code.CANCELLED, "the call was cancelled");
    signal.addEventListener("abort", cancel);
    this.#current = call;
    this.#repeat(call);
    return promise;
  }

  /** The attempts are over. */
  settle(outcome: Outcome<CallStatus>): void {
    this.#end(outcome.ok ? outcome.value : statusOf(outcome));
  }

  /** Brings a new attempt to where the caller is. */
  #repeat(call: Call): void {
    let room = true;
    for (const message of this.#kept ?? []) room = call.write(message);
    this.#forgetLong();
    if (this.#halfClosed) call.halfClose();
    for (let asked = 0; asked < this.#wanted; asked++) call.read();
    if (room) this.#unblock();
  }

  #keep(message: Uint8Array): void {
    this.#kept?.push(message);
    this.#keptBytes += message.length;
    // Before the first attempt, and between two, nobody else has it.
    if (this.#current) this.#forgetLong();
  }

  #forgetLong(): void {
    if (this.#keptBytes > KEPT_BYTES) this.#kept = undefined;
  }

  #progressOf({ unprocessed }: CallStatus): Progress {
    if (!this.#kept) return "committed";
    if (unprocessed) return unprocessed === "unsent" ? "unsent" : "not_processed";
    return "maybe_processed";
  }

  #tellHeader(header: ReceivedMetadata): void {
    if (!this.#ended) this.#listener.onHeader(header);
  }

  #tellMessage(message: Buffer): void {
    this.#wanted--;
    if (!this.#ended) this.#listener.onMessage(message);
  }

  #unblock(): void {
    if (!this.#blocked || this.#ended) return;
    this.#blocked = false;
    this.#listener.onWritable();
  }

  #end(status: CallStatus): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#kept = undefined;
    this.#listener.onEnd(status);
  }
}
