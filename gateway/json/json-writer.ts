import { isUtf8 } from "node:buffer";
import { UNUSUAL } from "./unusual.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const MINUS = 0x2d;

/** What is kept for the next text; more is given away with the text that has needed it. */
const KEPT_BYTES = 64 * 1024;

/** JSON as bytes, written from front to back. */
export class JsonWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES);
  #length = 0;

  /** Bytes that were written. */
  get length(): number {
    return this.#length;
  }

  /** What was written from there on, one character for each byte. */
  from(start: number): string {
    return this.#bytes.toString("latin1", start, this.#length);
  }

  /** Whether it ends with these bytes, from `start` on. */
  endsWith(json: Uint8Array, start: number): boolean {
    if (this.#length - start !== json.length) return false;
    return json.every((byte, at) => this.#bytes[start + at] === byte);
  }

  /** Drops what was written from there on. */
  cut(start: number): void {
    this.#length = start;
  }

  /** What was written since the last time; the writer is empty then. */
  take(): Buffer {
    const text = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    if (this.#bytes.length === KEPT_BYTES) return Buffer.from(text);
    this.#bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);
    return text;
  }

  /** A character of ASCII, such as a bracket. */
  character(code: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = code;
  }

  /** Text that is JSON already, as bytes, from `start` on. */
  raw(json: Uint8Array, start = 0): void {
    this.#reserve(json.length);
    for (let at = start; at < json.length; at++) this.#bytes[this.#length++] = json[at] ?? 0;
  }

  /** Text that is JSON already. */
  text(json: string): void {
    this.#reserve(json.length * 3);
    this.#length += this.#bytes.write(json, this.#length);
  }

  /** A string, from its UTF-8. Throws UNUSUAL for what is none. */
  string(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start + 2);
    const bytes = this.#bytes;
    let length = this.#length;
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
    this.#length = length;
  }

  /** A whole number, no less than -2^53 and no more than 2^53. */
  integer(value: number): void {
    if (value < 0) this.character(MINUS);
    const size = Math.abs(value);
    this.digits(size, digitsOf(size));
  }

  /** A whole number with so many digits, up to 16. */
  digits(value: number, count: number): void {
    this.#reserve(count);
    const start = this.#length;
    let rest = value;
    for (let at = start + count - 1; at >= start; at--) {
      const next = Math.floor(rest / 10);
      this.#bytes[at] = ZERO + (rest - next * 10);
      rest = next;
    }
    this.#length = start + count;
  }

  #anyString(source: Buffer): void {
    if (!isUtf8(source)) throw UNUSUAL;
    this.text(JSON.stringify(source.toString()));
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

function digitsOf(size: number): number {
  let digits = 1;
  for (let bound = 10; bound <= size; bound *= 10) digits++;
  return digits;
}
