import type { FrameWriter } from "./frame-writer.ts";
import { DEFAULT_WINDOW_BYTES, Flag, FrameType, MAX_FRAME_BYTES, MAX_WINDOW_BYTES } from "./frames.ts";
import { Http2Error } from "./http2-error.ts";

/** A stream that has something to send. */
export interface Sender {
  readonly id: number;
  /** What its own window allows it to send now: undefined for nothing. */
  take(maxBytes: number): { readonly bytes: Uint8Array; readonly last: boolean } | undefined;
  /** A frame of it was written. */
  sent(last: boolean): void;
}

/** Sends the data of all streams of a connection in turn, as far as its window and its socket allow. */
export class OutgoingData {
  readonly #writer: FrameWriter;
  readonly #ready = new Set<Sender>();
  #window = DEFAULT_WINDOW_BYTES;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** Throws an Http2Error when the window gets larger than it can be. */
  openWindow(bytes: number): void {
    this.#window += bytes;
    if (this.#window > MAX_WINDOW_BYTES) throw Http2Error.flowControl("the window of the connection is too large");
    this.send();
  }

  /** A stream has something to send, or may send again. */
  add(sender: Sender): void {
    // Whoever finds nobody waiting goes at once: a Set in steady use keeps what was in it alive for long.
    if (this.#ready.size === 0 && this.#isOpen()) this.#sendFrame(sender);
    else this.#ready.add(sender);
    this.send();
  }

  remove(sender: Sender): void {
    this.#ready.delete(sender);
  }

  /** One frame of each stream, again and again: one that is added again comes last. */
  send(): void {
    for (const sender of this.#ready) {
      if (!this.#isOpen()) return;
      this.#ready.delete(sender);
      this.#sendFrame(sender);
    }
  }

  #isOpen(): boolean {
    return this.#writer.hasRoom && this.#window > 0;
  }

  #sendFrame(sender: Sender): void {
    const piece = sender.take(Math.min(this.#window, MAX_FRAME_BYTES));
    if (!piece) return;
    const { bytes, last } = piece;
    this.#window -= bytes.length;
    this.#writer.write({ type: FrameType.DATA, flags: last ? Flag.END_STREAM : 0, streamId: sender.id }, bytes);
    if (!last) this.#ready.add(sender);
    sender.sent(last);
  }
}
