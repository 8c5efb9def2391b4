import { isUtf8 } from "node:buffer";
import { ByteWriter } from "./byte-writer.ts";
import { UNUSUAL } from "./unusual.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const MINUS = 0x2d;

/** JSON as bytes, written from front to back. */
export class JsonWriter extends ByteWriter {
  /** What was written from there on, one character for each byte. */
  from(start: number): string {
    return this.bytes.toString("latin1", start, this.end);
  }

  /** Whether it ends with these bytes, from `start` on. */
  endsWith(json: Uint8Array, start: number): boolean {
    if (this.end - start !== json.length) return false;
    return json.every((byte, at) => this.bytes[start + at] === byte);
  }

  /** A character of ASCII, such as a bracket. */
  character(code: number): void {
    this.reserve(1);
    this.bytes[this.end++] = code;
  }

  /** Text that is JSON already, as bytes, from `start` on. */
  raw(json: Uint8Array, start = 0): void {
    this.reserve(json.length);
    for (let at = start; at < json.length; at++) this.bytes[this.end++] = json[at] ?? 0;
  }

  /** Text that is JSON already. */
  text(json: string): void {
    this.reserve(json.length * 3);
    this.end += this.bytes.write(json, this.end);
  }

  /** A string, from its UTF-8. Throws UNUSUAL for what is none. */
  string(source: Buffer, start: number, end: number): void {
    this.reserve(end - start + 2);
    const bytes = this.bytes;
    let length = this.end;
    bytes[length++] = QUOTE;
    for (let at = start; at < end; at++) {
      const byte = source[at] ?? 0;
      if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) {
        this.#anyString(source.subarray(start, end));
        return;
      }
      bytes[length++] = byte;
    }
    bytes[length++] = QUOTE;
    this.end = length;
  }

  /** A whole number, no less than -2^53 and no more than 2^53. */
  integer(value: number): void {
    if (value < 0) this.character(MINUS);
    const size = Math.abs(value);
    this.digits(size, digitsOf(size));
  }

  /** A whole number with so many digits, up to 16. */
  digits(value: number, count: number): void {
    this.reserve(count);
    const start = this.end;
    let rest = value;
    for (let at = start + count - 1; at >= start; at--) {
      const next = Math.floor(rest / 10);
      this.bytes[at] = ZERO + (rest - next * 10);
      rest = next;
    }
    this.end = start + count;
  }

  #anyString(source: Buffer): void {
    if (!isUtf8(source)) throw UNUSUAL;
    this.text(JSON.stringify(source.toString()));
  }
}

function digitsOf(size: number): number {
  let digits = 1;
  for (let bound = 10; bound <= size; bound *= 10) digits++;
  return digits;
}
