import { spawn } from "node:child_process";
import { once } from "node:events";
import { eventually } from "./eventually.ts";

/** How to run a program of ours as a process of its own. */
export interface ProcessOptions {
  /** File and arguments for this Node. */
  args: readonly string[];
  /** The whole environment: nothing of ours is added. */
  env: NodeJS.ProcessEnv;
  /** Folder to run in. Default the current one. */
  cwd?: string;
  /** Throws as long as the process is not ready. */
  ready(): Promise<void>;
  /** Longest wait for `ready`, in milliseconds. Default 30 000. */
  timeoutMs?: number;
}

/** A program that runs, and is stopped at the end. */
export interface RunningProcess extends AsyncDisposable {
  /** What it wrote so far. */
  output(): string;
  /** Sends a signal and waits for nothing. */
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal, waits for the end and returns the exit code; null when the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Runs a program until it is ready. Throws with its output when it ends before, or never gets ready. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { args, env, cwd, ready, timeoutMs = 30_000 } = options;
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"], ...(cwd && { cwd }) });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  const ended = once(child, "close").then(([code]) => (Number.isInteger(code) ? Number(code) : null));
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  const early = ended.then((code) => {
    throw new Error(`${args.join(" ")} ended with code ${code} instead of getting ready:\n${output}`);
  });
  try {
    await Promise.race([eventually(ready, { timeoutMs, intervalMs: 250 }), early]);
  } catch (error) {
    await stop("SIGKILL");
    throw new Error(`${args.join(" ")} did not get ready:\n${output}`, { cause: error });
  } finally {
    // From here on the process may end.
    early.catch(() => {});
  }
  const signal = (which: NodeJS.Signals) => void child.kill(which);
  return { output: () => output, signal, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}
