import { spawn } from "node:child_process";
import { once } from "node:events";

/** What a program has said, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. */
export interface Running {
  /** Waits until it has printed this. Throws when it has ended without. */
  until(part: string): Promise<void>;
  /** Its standard input. */
  write(text: string): void;
  /** Closes its input and waits for its end. */
  end(): Promise<Ended>;
}

/** Starts a program. */
export function startProgram(program: string, args: readonly string[]): Running {
  const child = spawn(program, args, { stdio: "pipe" });
  // One that ends before it has read everything does not want the rest.
  child.stdin.on("error", () => undefined);
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    said.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said.stderr += text;
  });
  const closed = once(child, "close").then(([code]): Ended => ({ code, ...said }));
  return {
    async until(part) {
      while (!said.stdout.includes(part)) {
        const ended = await Promise.race([once(child.stdout, "data").then(() => undefined), closed]);
        if (ended && !said.stdout.includes(part)) throw new Error(`ended without "${part}": ${JSON.stringify(ended)}`);
      }
    },
    write: (text) => void child.stdin.write(text),
    end() {
      child.stdin.end();
      return closed;
    },
  };
}

/** Runs a program to its end. */
export function runProgram(program: string, args: readonly string[], input = ""): Promise<Ended> {
  const running = startProgram(program, args);
  running.write(input);
  return running.end();
}

/** Reads JSON texts, one after the other, each of which begins a line. */
// biome-ignore lint/suspicious/noExplicitAny: what a program prints; the tests say what they expect.
export function readJsons(text: string): any[] {
  return text
    .split(/^(?=\{)/m)
    .filter((each) => each.trim() !== "")
    .map((each) => JSON.parse(each));
}
