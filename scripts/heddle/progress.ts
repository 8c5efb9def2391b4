/** Shows how far a long act has come, on stderr: what it did goes to stdout. */
export interface Progress {
  advance(by: number): void;
  /** Leaves the line to whatever is printed next. */
  clear(): void;
}

/** Where progress is written to. */
export interface ProgressScreen {
  readonly isTTY: boolean;
  write(text: string): boolean;
}

const width = 30;

/** A bar on a terminal, a line for each step elsewhere. Silent where all is done in one step of `step`. */
export function createProgress(total: number, step: number, out: ProgressScreen = process.stderr): Progress {
  let done = 0;
  if (total <= step) return { advance() {}, clear() {} };
  const bar = () => "#".repeat(Math.round((width * done) / total)).padEnd(width, ".");
  const erase = "\r\x1b[2K";
  return {
    advance(by) {
      done += by;
      out.write(out.isTTY ? `${erase}[${bar()}] ${done} of ${total}` : `${done} of ${total}\n`);
    },
    clear() {
      if (out.isTTY) out.write(erase);
    },
  };
}
