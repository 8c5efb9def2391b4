import type { Socket } from "node:net";
import { FRAME_HEAD_BYTES } from "./frames.ts";

/** What is written at once; a frame of the largest size and more fit in. */
const BATCH_BYTES = 64 * 1024;

/**
 * Gathers the frames that are made in one turn of the event loop and gives them to the socket together: many calls
 * share one system call.
 */
export class FrameWriter {
  readonly #socket: Socket;
  #batch: Buffer = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #start = 0;
  #end = 0;
  #scheduled = false;
  /** The newest stream that has a frame, and the newest that has one given to the socket. */
  #newestStreamId = 0;
  #givenStreamId = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Whether the socket takes more than it has to send. */
  get hasRoom(): boolean {
    return !this.#socket.writableNeedDrain;
  }

  /** Bytes that the other side has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** Streams with higher ids were never sent. */
  get lastStreamId(): number {
    return this.#givenStreamId;
  }

  write(frame: { type: number; flags?: number; streamId?: number }, payload: Uint8Array): void {
    const { type, flags = 0, streamId = 0 } = frame;
    const bytes = FRAME_HEAD_BYTES + payload.length;
    if (this.#end + bytes > this.#batch.length) this.#startBatch();
    const head = this.#batch;
    head.writeUIntBE(payload.length, this.#end, 3);
    head[this.#end + 3] = type;
    head[this.#end + 4] = flags;
    head.writeUInt32BE(streamId, this.#end + 5);
    head.set(payload, this.#end + FRAME_HEAD_BYTES);
    this.#end += bytes;
    if (streamId > this.#newestStreamId) this.#newestStreamId = streamId;
    this.#schedule();
  }

  /** The preface, which is no frame. */
  writeBytes(bytes: Uint8Array): void {
    this.#batch.set(bytes, this.#end);
    this.#end += bytes.length;
    this.#schedule();
  }

  flush(): void {
    // Once the other side has hung up, a socket that is not destroyed yet takes nothing either.
    if (this.#end === this.#start || !this.#socket.writable) return;
    this.#socket.write(this.#batch.subarray(this.#start, this.#end));
    this.#givenStreamId = this.#newestStreamId;
    // The socket may still hold what it was given: what comes next goes after it.
    this.#start = this.#end;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  #startBatch(): void {
    this.flush();
    this.#batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
    this.#start = 0;
    this.#end = 0;
  }
}
