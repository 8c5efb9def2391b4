import { FieldTable } from "./field-table.ts";
import { Http2Error } from "./http2-error.ts";
import { decodeHuffman } from "./huffman.ts";
import type { Field } from "./static-table.ts";

const EMPTY = Buffer.alloc(0);
// Nothing that is written here is larger, and bits do not shift further.
const LARGEST_INTEGER = 2 ** 28;

/** Reads the header blocks of one connection, in their order (RFC 7541). */
export class HeaderDecoder {
  readonly #table = new FieldTable();
  #block: Buffer = EMPTY;
  #at = 0;

  /** Throws an Http2Error for a block that cannot be read; the connection cannot be used after it. */
  decode(block: Buffer): Field[] {
    this.#block = block;
    this.#at = 0;
    const fields: Field[] = [];
    while (this.#at < block.length) {
      const field = this.#next(fields.length === 0);
      if (field) fields.push(field);
    }
    this.#block = EMPTY;
    return fields;
  }

  /** Undefined for a change of the table's size, which may only stand at the beginning of a block. */
  #next(first: boolean): Field | undefined {
    const kind = this.#byte();
    if (kind & 0b1000_0000) return this.#table.at(this.#integer(kind, 7));
    if (kind & 0b0100_0000) {
      const field = this.#literal(this.#integer(kind, 6));
      this.#table.add(field);
      return field;
    }
    // Not indexed, and never to be: the same for whoever does not send it on.
    if (!(kind & 0b0010_0000)) return this.#literal(this.#integer(kind, 4));
    if (!first) throw Http2Error.compression("the size of the table changes within a block");
    this.#table.resize(this.#integer(kind, 5));
    return undefined;
  }

  #literal(nameIndex: number): Field {
    const name = nameIndex === 0 ? this.#string() : this.#table.at(nameIndex).name;
    return { name, value: this.#string() };
  }

  #string(): string {
    const kind = this.#byte();
    const length = this.#integer(kind, 7);
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#block.length) throw Http2Error.compression("a string is cut off");
    if (kind & 0b1000_0000) return decodeHuffman(this.#block.subarray(start, this.#at));
    return this.#block.toString("latin1", start, this.#at);
  }

  /** RFC 7541, 5.1: the rest of `first`, of which the lowest bits are the beginning. */
  #integer(first: number, bits: number): number {
    const most = (1 << bits) - 1;
    let value = first & most;
    if (value < most) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0b0111_1111) * 2 ** shift;
      if (value > LARGEST_INTEGER || shift > 28) throw Http2Error.compression("an integer is too large");
      if (!(byte & 0b1000_0000)) return value;
    }
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw Http2Error.compression("a header block is cut off");
    return byte;
  }
}
