/** What is kept for the next time; more is given away with what has needed it. */
const KEPT_BYTES = 64 * 1024;

/** Bytes that are written from front to back, into room that grows. */
export class ByteWriter {
  protected bytes: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES);
  /** Where the next byte goes. */
  protected end = 0;

  /** Bytes that were written. */
  get length(): number {
    return this.end;
  }

  /** Drops what was written from there on. */
  cut(start: number): void {
    this.end = start;
  }

  /** What was written since the last time; the writer is empty then. */
  take(): Buffer {
    const written = this.bytes.subarray(0, this.end);
    this.end = 0;
    if (this.bytes.length === KEPT_BYTES) return Buffer.from(written);
    this.bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);
    return written;
  }

  /** Makes room for so many bytes more. */
  protected reserve(bytes: number): void {
    if (this.end + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.end + bytes));
    larger.set(this.bytes.subarray(0, this.end));
    this.bytes = larger;
  }
}
