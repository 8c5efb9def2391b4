import { Http2Error } from "./http2-error.ts";

/** Types of frames (RFC 9113, 6). */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Flags of frames; which of them a frame can have depends on its type. */
export const Flag = { ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

/** Settings (RFC 9113, 6.5.2). */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

export const FRAME_HEAD_BYTES = 9;
/** What every side takes, in bytes; more has to be allowed by it. */
export const MAX_FRAME_BYTES = 16_384;
export const DEFAULT_WINDOW_BYTES = 65_535;
/** Largest size of a window (RFC 9113, 6.9.1). */
export const MAX_WINDOW_BYTES = 0x7fffffff;

/** What a client begins a connection with (RFC 9113, 3.4). */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** A frame as it came. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** Finds the frames in what a socket reads. */
export class FrameReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** How much of them was read. */
  #at = 0;

  push(chunk: Buffer): void {
    const rest = this.#bytes.subarray(this.#at);
    this.#bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#at = 0;
  }

  /** Undefined until a whole frame has come. Throws an Http2Error for one that is larger than was allowed. */
  next(): Frame | undefined {
    const [bytes, at] = [this.#bytes, this.#at];
    const start = at + FRAME_HEAD_BYTES;
    if (bytes.length < start) return undefined;
    const length = bytes.readUIntBE(at, 3);
    if (length > MAX_FRAME_BYTES) throw Http2Error.frameSize(`a frame has ${length} bytes`);
    if (bytes.length < start + length) return undefined;
    this.#at = start + length;
    const [type = 0, flags = 0] = [bytes[at + 3], bytes[at + 4]];
    const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    return { type, flags, streamId, payload: bytes.subarray(start, this.#at) };
  }
}

/** The payload of a DATA or HEADERS frame without its padding and its priority, which says nothing any more. */
export function unpad({ flags, payload }: Frame, hasPriority: boolean): Buffer {
  if (!(flags & (Flag.PADDED | Flag.PRIORITY))) return payload;
  const padding = flags & Flag.PADDED ? (payload[0] ?? 0) : 0;
  const start = (flags & Flag.PADDED ? 1 : 0) + (hasPriority && flags & Flag.PRIORITY ? 5 : 0);
  if (start + padding > payload.length) throw Http2Error.protocol("a frame is padded beyond its end");
  return payload.subarray(start, payload.length - padding);
}
