import { UNUSUAL } from "./unusual.ts";

/** Kinds of values on the wire (https://protobuf.dev/programming-guides/encoding/#structure). Groups are unusual. */
export const WireType = { VARINT: 0, BIT64: 1, LENGTH_DELIMITED: 2, BIT32: 5 } as const;

/** What a field of this number and wire type begins with. */
export function tagOf(number: number, wireType: number): number {
  return ((number << 3) | wireType) >>> 0;
}

/** Reads an encoded message from front to back. Throws UNUSUAL where there is less than there should be. */
export class WireReader {
  readonly bytes: Buffer;
  at = 0;
  /** The upper half of the last varint, which `varint` does not return. */
  high = 0;
  /** How many messages are around. */
  level = 0;
  readonly #view: DataView;

  constructor({ buffer, byteOffset, length }: Uint8Array) {
    this.bytes = Buffer.from(buffer, byteOffset, length);
    this.#view = new DataView(buffer, byteOffset, length);
  }

  /** Returns the lower 32 bits of a varint, unsigned. */
  varint(): number {
    const byte = this.#byte();
    this.high = 0;
    return byte < 0x80 ? byte : this.#longVarint(byte & 0x7f);
  }

  fixed32(): number {
    return this.#view.getUint32(this.#pass(4), true);
  }

  float(): number {
    return this.#view.getFloat32(this.#pass(4), true);
  }

  double(): number {
    return this.#view.getFloat64(this.#pass(8), true);
  }

  /** Reads the length of a value, and returns where the value ends. */
  end(): number {
    const length = this.varint();
    const end = this.at + length;
    if (end > this.bytes.length || this.high !== 0) throw UNUSUAL;
    return end;
  }

  /** Passes over a tag if it comes next, before `end`. */
  pass(tag: number, end: number): boolean {
    const start = this.at;
    if (start < end && this.varint() === tag) return true;
    this.at = start;
    return false;
  }

  /** Passes over a value. */
  skip(wireType: number): void {
    if (wireType === WireType.VARINT) this.varint();
    else if (wireType === WireType.LENGTH_DELIMITED) this.at = this.end();
    else if (wireType === WireType.BIT32) this.#pass(4);
    else if (wireType === WireType.BIT64) this.#pass(8);
    else throw UNUSUAL;
  }

  #byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw UNUSUAL;
    return byte;
  }

  #longVarint(first: number): number {
    let low = first;
    for (let shift = 7; shift < 70; shift += 7) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift > 28) this.high |= bits << (shift - 32);
      else if (shift === 28) this.high = bits >>> 4;
      if (byte < 0x80) {
        this.high >>>= 0;
        return low >>> 0;
      }
    }
    throw UNUSUAL;
  }

  /** Returns where a value of so many bytes begins. */
  #pass(bytes: number): number {
    const start = this.at;
    this.at += bytes;
    if (this.at > this.bytes.length) throw UNUSUAL;
    return start;
  }
}
