const nothing: Buffer = Buffer.alloc(0);

/**
 * Bytes that arrive in pieces, in one buffer that grows with them: kept apart, pieces of a byte each would take a hundred
 * times as much. A single piece is not copied.
 */
export class Gathered {
  #bytes = nothing;
  #length = 0;
  /** Whether there is room behind the bytes that nobody else has. */
  #grown = false;

  /** How many bytes wait. */
  get length(): number {
    return this.#length;
  }

  push(piece: Buffer): void {
    if (piece.length === 0) return;
    if (this.#length === 0) this.#become(piece, piece.length, false);
    else this.#append(piece);
  }

  /** The bytes that wait, which stay. */
  peek(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Takes the first bytes away. Default: all. */
  take(count = this.#length): Buffer {
    const taken = this.#bytes.subarray(0, count);
    const rest = this.#length - count;
    if (rest === 0) this.#become(nothing, 0, false);
    else this.#become(this.#bytes.subarray(count), rest, this.#grown);
    return taken;
  }

  #append(piece: Buffer): void {
    const length = this.#length + piece.length;
    if (!this.#grown || length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * length);
      larger.set(this.peek());
      this.#become(larger, this.#length, true);
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  #become(bytes: Buffer, length: number, grown: boolean): void {
    this.#bytes = bytes;
    this.#length = length;
    this.#grown = grown;
  }
}
