import { constants } from "node:http2";
import { Flag, type Frame, FrameType, unpad } from "./frames.ts";
import { HeaderDecoder } from "./header-decoder.ts";
import { Http2Error } from "./http2-error.ts";
import type { Field } from "./static-table.ts";

/** The headers, or trailers, that came for a stream. */
export interface HeaderBlock {
  readonly fields: readonly Field[];
  /** Whether nothing follows them. */
  readonly ended: boolean;
}

interface OpenBlock {
  readonly streamId: number;
  readonly ended: boolean;
  readonly parts: Buffer[];
  bytes: number;
}

/** A block in more parts than this is an attack: each costs time whatever it holds. */
const MAX_PARTS = 64;

/** Puts the header blocks of one connection together, each of which may come in several frames (RFC 9113, 4.3). */
export class HeaderAssembly {
  readonly #decoder = new HeaderDecoder();
  readonly #maxBytes: number;
  #open: OpenBlock | undefined;

  /** `maxBytes` is the largest block. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Throws an Http2Error for a frame of any type that may not come now: nothing stands between the parts of a block. */
  check({ type, streamId }: Frame): void {
    const continues = type === FrameType.CONTINUATION;
    if (continues === (this.#open !== undefined) && (!continues || this.#open?.streamId === streamId)) return;
    throw Http2Error.protocol("a header block is not where it should be");
  }

  /**
   * Takes a HEADERS or CONTINUATION frame that was checked. Returns the block once it is complete. Throws an Http2Error
   * for one that is too large, or cannot be read.
   */
  take(frame: Frame): HeaderBlock | undefined {
    const isFirst = frame.type === FrameType.HEADERS;
    const part = isFirst ? unpad(frame, true) : frame.payload;
    const ended = (frame.flags & Flag.END_STREAM) !== 0;
    const block = this.#open ?? { streamId: frame.streamId, ended, parts: [], bytes: 0 };
    block.parts.push(part);
    block.bytes += part.length;
    if (block.bytes > this.#maxBytes || block.parts.length > MAX_PARTS) {
      throw new Http2Error(constants.NGHTTP2_ENHANCE_YOUR_CALM, "a header block is too large");
    }
    this.#open = frame.flags & Flag.END_HEADERS ? undefined : block;
    if (this.#open) return undefined;
    const whole = block.parts.length === 1 ? part : Buffer.concat(block.parts);
    return { fields: this.#decoder.decode(whole), ended: block.ended };
  }
}
