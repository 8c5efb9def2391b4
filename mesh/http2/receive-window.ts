import { Http2Error } from "./http2-error.ts";

/** What the other side may still send, to a stream or to the whole connection (RFC 9113, 5.2). */
export class ReceiveWindow {
  readonly #size: number;
  #left: number;
  #consumed = 0;

  constructor(size: number) {
    this.#size = size;
    this.#left = size;
  }

  /** Throws an Http2Error when there was no room for what has come. */
  receive(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw Http2Error.flowControl("more was sent than the window allows");
  }

  /** Takes up what was consumed. Returns by how much the window is to be opened: nothing until half of it is due. */
  consume(bytes: number): number {
    this.#consumed += bytes;
    if (this.#consumed < this.#size / 2) return 0;
    const due = this.#consumed;
    this.#consumed = 0;
    this.#left += due;
    return due;
  }
}
