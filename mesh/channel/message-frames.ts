import { gunzipSync, gzipSync } from "node:zlib";
import { Status, StatusError } from "./status.ts";

/** Bytes before each message: a flag for compression and the length. */
const PREFIX_BYTES = 5;
const COMPRESSED = 1;

/** Puts the prefix before a message (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). */
export function frameMessage(message: Uint8Array, gzip = false): Buffer {
  const body = gzip ? gzipSync(message) : message;
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + body.length);
  frame[0] = gzip ? COMPRESSED : 0;
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, PREFIX_BYTES);
  return frame;
}

/** Cuts what a stream receives into messages. */
export class MessageReader {
  /** The value of grpc-encoding: how messages are compressed that say that they are. */
  encoding = "identity";
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Bytes without which there is nothing to do. */
  #needed = PREFIX_BYTES;

  /** `maxBytes` is the largest message, also once it is inflated. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that wait to be read. */
  get bufferedBytes(): number {
    return this.#bytes;
  }

  /** Whether a whole message waits. Throws a StatusError for one that may not be received. */
  hasMessage(): boolean {
    if (this.#bytes < this.#needed) return false;
    if (this.#needed > PREFIX_BYTES) return true;
    const head = this.#head();
    const length = head.readUInt32BE(1);
    this.#check(head[0] ?? 0, length);
    this.#needed = PREFIX_BYTES + length;
    return this.#bytes >= this.#needed;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The next message, undefined while it is not complete. Throws as hasMessage does. */
  next(): Buffer | undefined {
    if (!this.hasMessage()) return undefined;
    const head = this.#head();
    const end = this.#needed;
    this.#needed = PREFIX_BYTES;
    this.#chunks = head.length > end ? [head.subarray(end)] : [];
    this.#bytes -= end;
    const message = head.subarray(PREFIX_BYTES, end);
    return head[0] === COMPRESSED ? this.#inflate(message) : message;
  }

  /** All that waits, as one buffer. Called once for a prefix and once for a whole message, not for each chunk. */
  #head(): Buffer {
    const [first] = this.#chunks;
    const head = first && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks, this.#bytes);
    this.#chunks = [head];
    return head;
  }

  #check(flag: number, length: number): void {
    if (flag > COMPRESSED) throw new StatusError(Status.INTERNAL, `a message has the unknown flag ${flag}`);
    if (flag === COMPRESSED && this.encoding !== "gzip") {
      // https://github.com/grpc/grpc/blob/master/doc/compression.md: a client answers both with INTERNAL.
      const why = this.encoding === "identity" ? "without a grpc-encoding" : `with the unknown "${this.encoding}"`;
      throw new StatusError(Status.INTERNAL, `a message is compressed ${why}`);
    }
    if (length <= this.#maxBytes) return;
    throw tooLarge(`the response of ${length} bytes`, this.#maxBytes);
  }

  /** In place and at once: messages stay in order, and the limit bounds how long it takes. */
  #inflate(message: Buffer): Buffer {
    try {
      return gunzipSync(message, { maxOutputLength: this.#maxBytes });
    } catch (error) {
      const long = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
      if (long) throw tooLarge("the inflated response", this.#maxBytes);
      throw new StatusError(Status.INTERNAL, "a message is no valid gzip");
    }
  }
}

/** The error for a message over the limit. */
export function tooLarge(what: string, maxBytes: number): StatusError {
  return new StatusError(Status.RESOURCE_EXHAUSTED, `${what} is larger than the limit of ${maxBytes}`);
}
