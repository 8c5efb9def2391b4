import { writeSync } from "node:fs";
import type { DestinationStream } from "pino";
import { isoTime } from "./iso-time.ts";

/** What goes into a pipe whole or not at all (PIPE_BUF of Linux, pipe(7)): processes that share one do not mix lines. */
const PIECE_BYTES = 4_096;
/** What is held for a reader who does not read; what exceeds it is dropped. */
const MAX_HELD_PIECES = 4_096;
/** How long a line waits for others, and a full pipe for its reader. */
const WAIT_MS = 50;
/** How long the end of the process waits for the reader. */
const END_WAIT_MS = 5_000;

/** A full pipe is read some day, and a full disk cleared; anything else means that nobody reads any more. */
const PASSING = new Set(["EAGAIN", "EBUSY", "EINTR", "ENOSPC", "EDQUOT"]);

let output: StandardOutput | undefined;

/**
 * The lines of this process for stdout, which takes them in the order in which they came, in pieces of up to 4 KiB: a line
 * for each call must not cost a system call each. What is not written yet is written when the process exits. Nobody waits
 * for a reader who does not read: 16 MiB are held for him, then lines are dropped, and one says how many.
 */
export function standardOutput(): DestinationStream {
  output ??= new StandardOutput();
  return output;
}

class StandardOutput implements DestinationStream {
  readonly #pieces: Buffer[] = [];
  #text = "";
  #bytes = 0;
  #dropped = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    // Node makes a pipe one that does not block when this is first asked for.
    void process.stdout;
    process.once("exit", () => this.#end());
  }

  write(line: string): void {
    if (this.#pieces.length >= MAX_HELD_PIECES) {
      this.#dropped++;
      return;
    }
    const bytes = Buffer.byteLength(line);
    if (this.#bytes + bytes > PIECE_BYTES) this.#seal();
    this.#text += line;
    this.#bytes += bytes;
    this.#timer ??= setTimeout(() => this.#onTime(), WAIT_MS).unref();
  }

  #onTime(): void {
    this.#timer = undefined;
    this.#flush();
    if (this.#pieces.length > 0) this.#timer = setTimeout(() => this.#onTime(), WAIT_MS).unref();
  }

  /** Writes what waits; then what has not made a piece yet, which grows as long as others wait before it. */
  #flush(): void {
    this.#writePieces();
    if (this.#pieces.length === 0) this.#seal();
    if (this.#dropped > 0 && this.#pieces.length === 0) this.#tellDropped();
  }

  /** Makes a piece of the text, and tries to write it. */
  #seal(): void {
    if (this.#bytes > 0) this.#pieces.push(Buffer.from(this.#text));
    this.#text = "";
    this.#bytes = 0;
    this.#writePieces();
  }

  /** Writes as much as is taken. */
  #writePieces(): void {
    for (let piece = this.#pieces[0]; piece; piece = this.#pieces[0]) {
      const written = this.#closed ? piece.length : this.#tryWrite(piece);
      if (written === piece.length) this.#pieces.shift();
      else if (written === 0) return;
      else this.#pieces[0] = piece.subarray(written);
    }
  }

  #tryWrite(piece: Buffer): number {
    try {
      return writeSync(1, piece);
    } catch (error) {
      this.#closed = !(error instanceof Error && "code" in error && PASSING.has(String(error.code)));
      return 0;
    }
  }

  #tellDropped(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.write(`{"level":"warn"${isoTime()},"dropped":${dropped},"msg":"lines were dropped: nobody read the log"}\n`);
  }

  #end(): void {
    const until = performance.now() + END_WAIT_MS;
    const nobody = new Int32Array(new SharedArrayBuffer(4));
    this.#flush();
    while (this.#bytes + this.#pieces.length > 0 && performance.now() < until) {
      Atomics.wait(nobody, 0, 0, 10);
      this.#flush();
    }
  }
}
