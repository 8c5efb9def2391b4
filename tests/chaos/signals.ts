import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** Id of the process that a local server runs as, by the folder that it was given. */
export function serverProcess(folder: string): number {
  return Number.parseInt(readFileSync(join(folder, "pid"), "utf8"), 10);
}

/** Sends a signal to a process and all its children: to stop Postgres is to stop its backends too. */
export async function signalTree(processId: number, signal: NodeJS.Signals): Promise<void> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid="]);
  const rows = stdout.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  const children = rows.filter(([, parent]) => parent === processId).map(([child = 0]) => child);
  // The parent first when it is to stop, so that it starts no more children meanwhile.
  for (const id of [processId, ...children]) sendSignal(id, signal);
}

/** Sends a signal to a process that may be gone. */
export function sendSignal(processId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(processId, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
