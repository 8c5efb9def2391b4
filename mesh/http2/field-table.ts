import { Http2Error } from "./http2-error.ts";
import { type Field, STATIC_TABLE } from "./static-table.ts";

/** What HTTP/2 begins with, in bytes (RFC 9113, 6.5.2, SETTINGS_HEADER_TABLE_SIZE). */
export const DEFAULT_TABLE_BYTES = 4096;

/** The size of a header by RFC 7541, 4.1, and RFC 9113, 6.5.2, in bytes. */
export function fieldBytes({ name, value }: Field): number {
  return name.length + value.length + 32;
}

/** The static table and, after it, the dynamic one (RFC 7541, 2.3): the newest header has its lowest index. */
export class FieldTable {
  #maxBytes = DEFAULT_TABLE_BYTES;
  #bytes = 0;
  /** The oldest comes first. */
  readonly #fields: Field[] = [];

  /** Throws an Http2Error for an index that nothing has. */
  at(index: number): Field {
    const added = index - STATIC_TABLE.length;
    const field = added > 0 ? this.#fields[this.#fields.length - added] : STATIC_TABLE[index - 1];
    if (!field) throw Http2Error.compression(`no header has the index ${index}`);
    return field;
  }

  /** A header that is larger than the whole table leaves it empty. */
  add(field: Field): void {
    this.#bytes += fieldBytes(field);
    this.#fields.push(field);
    this.#evict();
  }

  /** Throws an Http2Error for more than was agreed on. */
  resize(maxBytes: number): void {
    if (maxBytes > DEFAULT_TABLE_BYTES) throw Http2Error.compression(`a table of ${maxBytes} bytes was not agreed on`);
    this.#maxBytes = maxBytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#fields.shift();
      if (!oldest) return;
      this.#bytes -= fieldBytes(oldest);
    }
  }
}
