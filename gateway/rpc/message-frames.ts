import { Code, ConnectError } from "@connectrpc/connect";
import { type Encoding, encodingNames, inflate } from "../http/compression.ts";
import { Gathered } from "../http/gathered.ts";
import type { HeldBytes } from "../http/held-bytes.ts";

/** Bytes before each message, alike in gRPC, gRPC-Web and Connect's streams: flags and the length. */
const prefixBytes = 5;
const compressedFlag = 1;

/** Puts flags and length before a message. */
export function frameMessage(message: Uint8Array | string, flags = 0): Buffer {
  const length = typeof message === "string" ? Buffer.byteLength(message) : message.length;
  const frame = Buffer.allocUnsafe(prefixBytes + length);
  frame[0] = flags;
  frame.writeUInt32BE(length, 1);
  if (typeof message === "string") frame.write(message, prefixBytes);
  else frame.set(message, prefixBytes);
  return frame;
}

/** Frames an answer's message, compressed where that was agreed on and pays. */
export async function frameCompressed(message: Uint8Array, encoding: Encoding): Promise<Buffer> {
  return frameMessage(await encoding.compress(message), compressedFlag);
}

/** Cuts what a client sends into messages. */
export class MessageFrames {
  readonly #encoding: Encoding | null;
  readonly #maxBytes: number;
  readonly #held: HeldBytes;
  readonly #bytes = new Gathered();
  #needed = prefixBytes;

  /** `encoding` is what compressed messages are compressed with; `maxBytes` the largest message, also inflated. */
  constructor(encoding: Encoding | null, { maxBytes, held }: { readonly maxBytes: number; readonly held: HeldBytes }) {
    this.#encoding = encoding;
    this.#maxBytes = maxBytes;
    this.#held = held;
  }

  /** Whether nothing waits: at the end of a stream, nothing was cut off. */
  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  /** Throws Unavailable when the gateway holds as many bytes as it may. */
  push(chunk: Buffer): void {
    this.#held.add(chunk.length);
    this.#bytes.push(chunk);
  }

  /** The next message, undefined while it is not complete. Throws a ConnectError for one that is not taken. */
  next(): Uint8Array | undefined {
    const { length } = this.#bytes;
    if (length < prefixBytes) return undefined;
    if (this.#needed === prefixBytes) this.#needed += this.#lengthOf(this.#bytes.peek());
    if (length < this.#needed) return undefined;
    const frame = this.#bytes.take(this.#needed);
    this.#held.remove(frame.length);
    this.#needed = prefixBytes;
    const message = frame.subarray(prefixBytes);
    const isCompressed = frame[0] === compressedFlag;
    return isCompressed && this.#encoding ? inflate(this.#encoding, message, this.#maxBytes) : message;
  }

  #lengthOf(start: Buffer): number {
    const flags = start[0] ?? 0;
    if (flags > compressedFlag) throw new ConnectError(`a message has the flags ${flags}`, Code.InvalidArgument);
    if (flags === compressedFlag && this.#encoding === null) {
      throw new ConnectError("a message is compressed, yet no encoding was named", Code.Internal);
    }
    const length = start.readUInt32BE(1);
    if (length <= this.#maxBytes) return length;
    throw new ConnectError(`the message of ${length} bytes is larger than ${this.#maxBytes}`, Code.ResourceExhausted);
  }
}

/** The error for an encoding that is not known; protocols want the known ones named. */
export function unknownEncoding(name: string): ConnectError {
  return new ConnectError(`the encoding "${name}" is not known: use ${encodingNames.join(", ")}`, Code.Unimplemented);
}
