import { DEFAULT_TABLE_BYTES, fieldBytes } from "./field-table.ts";
import { type Field, STATIC_TABLE } from "./static-table.ts";

/** Headers whose values are the same from call to call. All others differ, or are better not kept. */
const REPEATED = new Set([
  ":authority",
  ":path",
  "te",
  "content-type",
  "user-agent",
  "grpc-accept-encoding",
  "grpc-encoding",
]);
/** RFC 7541, 7.1.3: no one on the way may keep them, either. */
const SECRET = new Set(["authorization", "cookie", "proxy-authorization"]);

const STATIC_NAMES = new Map([...STATIC_TABLE.entries()].reverse().map(([at, { name }]) => [name, at + 1]));
const STATIC_FIELDS = new Map<string, Map<string, number>>();
for (const [at, { name, value }] of STATIC_TABLE.entries()) {
  if (value !== "") STATIC_FIELDS.set(name, new Map(STATIC_FIELDS.get(name)).set(value, at + 1));
}

/**
 * Writes the header blocks of one connection, in their order (RFC 7541), without Huffman's code: it would save a few
 * bytes of what is not repeated, and cost more time than those.
 */
export class HeaderEncoder {
  /** By name and value: how many headers had been added before. */
  readonly #added = new Map<string, Map<string, number>>();
  /** The oldest comes first. */
  readonly #fields: Field[] = [];
  #count = 0;
  #bytes = 0;
  #maxBytes = DEFAULT_TABLE_BYTES;
  /** What to say of the table's size before the next block: the smallest that it had, and the one that it has. */
  #sizes: number[] = [];
  #target: Buffer = Buffer.alloc(0);
  #at = 0;

  /** The other side keeps no larger table than this. */
  resize(maxBytes: number): void {
    const next = Math.min(maxBytes, DEFAULT_TABLE_BYTES);
    if (next === this.#maxBytes) return;
    this.#maxBytes = next;
    this.#sizes = [Math.min(next, ...this.#sizes), next];
    this.#evict();
  }

  /**
   * Writes names and values in turn, which are ASCII and lower-case where names, into `target`, and returns the length.
   * The target has room for 32 bytes beside each pair.
   */
  encode(headers: readonly string[], target: Buffer): number {
    this.#target = target;
    this.#at = 0;
    for (const size of this.#sizes) this.#integer(0b0010_0000, 5, size);
    this.#sizes = [];
    for (let at = 0; at + 1 < headers.length; at += 2) this.#field(headers[at] ?? "", headers[at + 1] ?? "");
    return this.#at;
  }

  #field(name: string, value: string): void {
    const index = STATIC_FIELDS.get(name)?.get(value) ?? this.#addedIndex(name, value);
    if (index !== undefined) this.#integer(0b1000_0000, 7, index);
    else if (REPEATED.has(name)) this.#addLiteral(name, value);
    else this.#literal(SECRET.has(name) ? 0b0001_0000 : 0, 4, { name, value });
  }

  #addedIndex(name: string, value: string): number | undefined {
    const before = this.#added.get(name)?.get(value);
    return before === undefined ? undefined : STATIC_TABLE.length + this.#count - before;
  }

  #addLiteral(name: string, value: string): void {
    const field = { name, value };
    this.#literal(0b0100_0000, 6, field);
    const values = this.#added.get(name) ?? new Map<string, number>();
    this.#added.set(name, values.set(value, this.#count++));
    this.#fields.push(field);
    this.#bytes += fieldBytes(field);
    this.#evict();
  }

  #evict(): void {
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#fields.shift();
      if (!oldest) return;
      this.#added.get(oldest.name)?.delete(oldest.value);
      this.#bytes -= fieldBytes(oldest);
    }
  }

  #literal(kind: number, bits: number, { name, value }: Field): void {
    const index = STATIC_NAMES.get(name) ?? 0;
    this.#integer(kind, bits, index);
    if (index === 0) this.#string(name);
    this.#string(value);
  }

  #string(text: string): void {
    this.#integer(0, 7, text.length);
    // Latin-1, and for texts as short as these faster than Buffer's own.
    for (let at = 0; at < text.length; at++) this.#target[this.#at++] = text.charCodeAt(at);
  }

  /** RFC 7541, 5.1, in the lowest bits of a byte that begins with `kind`. */
  #integer(kind: number, bits: number, value: number): void {
    const most = (1 << bits) - 1;
    if (value < most) {
      this.#target[this.#at++] = kind | value;
      return;
    }
    this.#target[this.#at++] = kind | most;
    let rest = value - most;
    for (; rest >= 0b1000_0000; rest >>= 7) this.#target[this.#at++] = (rest & 0b0111_1111) | 0b1000_0000;
    this.#target[this.#at++] = rest;
  }
}
