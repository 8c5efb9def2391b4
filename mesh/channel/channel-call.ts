import { after } from "./after.ts";
import { Attempt, type AttemptListener, type AttemptRequest } from "./attempt.ts";
import type { Call, CallRequest } from "./channel.ts";
import type { Endpoint } from "./endpoint.ts";
import { frameMessage, tooLarge } from "./message-frames.ts";
import type { Pick } from "./pick.ts";
import { type CallStatus, localStatus, type ReceivedMetadata, Status } from "./status.ts";

/** What the calls of a channel have in common. */
export interface CallSettings {
  readonly pick: Pick;
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  readonly gzip: boolean;
}

/** Streams are sent again as long as no more than this was written to them. */
const REPLAY_BYTES = 64 * 1024;

/**
 * One call: its deadline, unless its caller watches that, and the attempts that it takes. A further attempt is made only
 * where no application has seen the call (gRFC A6, "Transparent Retries"): at another endpoint when one could not be
 * reached, once more when the server has refused the stream, or the connection broke before it was written.
 */
export class ChannelCall implements Call, AttemptListener {
  readonly #listener: AttemptListener;
  readonly #settings: CallSettings;
  readonly #request: AttemptRequest;
  #attempt: Attempt | undefined;
  #stopClock: (() => void) | undefined;
  #failed: readonly Endpoint[] = NONE;
  #wasRefused = false;
  /** What was sent, to be sent again; undefined once the call cannot be. */
  #sent: Buffer[] | undefined = [];
  #sentBytes = 0;
  #halfClosed = false;
  /** Messages that were asked for and have not come. */
  #wanted = 0;
  #started = false;
  #ended = false;

  constructor(request: CallRequest, listener: AttemptListener, settings: CallSettings) {
    this.#listener = listener;
    this.#settings = settings;
    const { path, metadata, deadlineMs, message, background = false } = request;
    const { maxReceiveBytes, gzip } = settings;
    this.#request = { path, metadata, deadlineMs, maxReceiveBytes, gzip, background };
    const restMs = deadlineMs - Date.now();
    if (!request.watched) this.#stopClock = after(Math.max(restMs, 0), () => this.#exceed());
    const frame = message && this.#frame(message);
    if (frame) {
      this.#halfClosed = true;
      this.#keep(frame);
    }
    if (restMs > 0) this.#try(settings.pick({ path, failed: NONE }));
    this.#started = true;
  }

  write(message: Uint8Array): boolean {
    if (this.#ended) return true;
    const frame = this.#frame(message);
    if (!frame) return true;
    this.#keep(frame);
    return this.#attempt?.write(frame) ?? false;
  }

  halfClose(): void {
    this.#halfClosed = true;
    this.#attempt?.finish();
  }

  read(): void {
    this.#wanted++;
    this.#attempt?.read();
  }

  cancel(code: number, message: string): void {
    this.#end(localStatus(code, message));
  }

  onHeader(header: ReceivedMetadata): void {
    this.#sent = undefined;
    this.#listener.onHeader(header);
  }

  onMessage(message: Buffer): void {
    this.#wanted--;
    this.#listener.onMessage(message);
  }

  onWritable(): void {
    this.#listener.onWritable();
  }

  onEnd(status: CallStatus): void {
    if (this.#ended) return;
    const endpoint = status.unprocessed && this.#sent && this.#pickAgain(status.unprocessed);
    if (endpoint) this.#try(endpoint);
    else this.#end(this.#atDeadline(status));
  }

  #try(endpoint: Endpoint | undefined): void {
    if (this.#ended) return;
    if (!endpoint) {
      this.#end(localStatus(Status.UNAVAILABLE, "there is no endpoint to call"));
      return;
    }
    const attempt = new Attempt(endpoint, this.#request, this);
    this.#attempt = attempt;
    for (const frame of this.#sent ?? []) attempt.write(frame);
    if (this.#halfClosed) attempt.finish();
    for (let asked = 0; asked < this.#wanted; asked++) attempt.read();
    endpoint.start(attempt);
  }

  #pickAgain(unprocessed: "unsent" | "refused"): Endpoint | undefined {
    const endpoint = this.#attempt?.endpoint;
    if (unprocessed === "refused") {
      if (this.#wasRefused) return undefined;
      this.#wasRefused = true;
    } else if (endpoint) {
      this.#failed = [...this.#failed, endpoint];
    }
    return this.#settings.pick({ path: this.#request.path, failed: this.#failed });
  }

  /** Remembers what is sent for as long as it could be sent again. The message of a unary call is there anyway. */
  #keep(frame: Buffer): void {
    if (!this.#sent) return;
    this.#sent.push(frame);
    this.#sentBytes += frame.length;
    if (this.#sentBytes > REPLAY_BYTES && !this.#halfClosed) this.#sent = undefined;
  }

  /** Undefined, and the call has ended, for a message over the limit. */
  #frame(message: Uint8Array): Buffer | undefined {
    const { maxSendBytes, gzip } = this.#settings;
    if (message.length <= maxSendBytes) return frameMessage(message, gzip);
    const { code, message: why } = tooLarge(`the request of ${message.length} bytes`, maxSendBytes);
    this.#end(localStatus(code, why));
    return undefined;
  }

  #exceed(): void {
    this.#end(localStatus(Status.DEADLINE_EXCEEDED, "the deadline has passed"));
  }

  /** Servers give up at the deadline, too, and their reset may come first (PROTOCOL-HTTP2.md, "Errors", CANCEL). */
  #atDeadline(status: CallStatus): CallStatus {
    const isReset = status.code === Status.CANCELLED && status.trailer["grpc-status"] === undefined;
    if (!isReset || Date.now() < this.#request.deadlineMs) return status;
    return localStatus(Status.DEADLINE_EXCEEDED, "the deadline has passed at the server");
  }

  #end(status: CallStatus): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopClock?.();
    this.#sent = undefined;
    this.#attempt?.end(status);
    // Whoever starts a call holds it before anything is heard of it.
    if (this.#started) this.#listener.onEnd(status);
    else process.nextTick(() => this.#listener.onEnd(status));
  }
}

const NONE: readonly Endpoint[] = [];
