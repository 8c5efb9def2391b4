import { ByteWriter } from "./byte-writer.ts";
import { UNUSUAL } from "./unusual.ts";

const UPPER = 0x1_0000_0000;

/** An encoded message, written from front to back. */
export class WireWriter extends ByteWriter {
  /** Whether there is nothing but zeros from there on: a default value, in whatever type. */
  isZero(start: number): boolean {
    for (let at = start; at < this.end; at++) if (this.bytes[at] !== 0) return false;
    return true;
  }

  /** An unsigned 32-bit integer. */
  varint(value: number): void {
    this.reserve(5);
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.bytes[this.end++] = (rest & 0x7f) | 0x80;
    this.bytes[this.end++] = rest;
  }

  /** A whole number from -2^53 to 2^53, as 64 bits. */
  varint64(value: number): void {
    if (value >= 0 && value < UPPER) {
      this.varint(value);
      return;
    }
    this.reserve(10);
    let [low, high] = [value >>> 0, Math.floor(value / UPPER) >>> 0];
    while (high > 0 || low > 0x7f) {
      this.bytes[this.end++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.bytes[this.end++] = low;
  }

  fixed32(value: number): void {
    this.reserve(4);
    this.end = this.bytes.writeUInt32LE(value >>> 0, this.end);
  }

  /** A whole number from -2^53 to 2^53, as 64 bits. */
  fixed64(value: number): void {
    this.fixed32(value);
    this.fixed32(Math.floor(value / UPPER));
  }

  float(value: number): void {
    this.reserve(4);
    this.end = this.bytes.writeFloatLE(value, this.end);
  }

  double(value: number): void {
    this.reserve(8);
    this.end = this.bytes.writeDoubleLE(value, this.end);
  }

  /** Bytes without their length. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.end);
    this.end += bytes.length;
  }

  /** Text with its length. Throws UNUSUAL for text that UTF-8 cannot hold. */
  string(text: string): void {
    const start = this.begin();
    this.reserve(text.length * 3);
    const bytes = this.bytes;
    let length = this.end;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code > 0x7f) {
        this.#anyText(text);
        this.finish(start);
        return;
      }
      bytes[length++] = code;
    }
    this.end = length;
    this.finish(start);
  }

  /** Begins something that has its length in front. Returns what `finish` wants to know. */
  begin(): number {
    this.reserve(1);
    return ++this.end;
  }

  /** Writes the length of what was begun. */
  finish(start: number): void {
    const length = this.end - start;
    if (length > 0x7f) this.#makeRoom(start, length);
    const end = this.end;
    this.end = start - 1;
    this.varint(length);
    this.end = end;
  }

  /** One byte was left for the length, which takes more. */
  #makeRoom(start: number, length: number): void {
    const more = Math.floor((31 - Math.clz32(length)) / 7);
    this.reserve(more);
    this.bytes.copyWithin(start + more, start, this.end);
    this.end += more;
  }

  #anyText(text: string): void {
    if (!text.isWellFormed()) throw UNUSUAL;
    this.end += this.bytes.write(text, this.end);
  }
}
