// What we may know about, and do to, a process that is not our child: the leftover of a killed predecessor.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Whether a process with this id exists. One that has ended but was not waited for (a zombie) does not count. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return statFields(pid)?.[0] !== "Z";
}

/** The command line of a process, its words joined by blanks; undefined when there is no such process. */
export function commandOf(pid: number): string | undefined {
  if (process.platform === "linux") return readProc(pid, "cmdline")?.replaceAll("\0", " ").trim();
  return ps(pid, "command=");
}

/** When a process began, in a form that only serves comparison: a reused id has another one. */
export function birthOf(pid: number): string | undefined {
  return process.platform === "linux" ? statFields(pid)?.[19] : ps(pid, "lstart=");
}

/** A signal and how long to wait for its effect, in milliseconds. */
export type Blow = readonly [signal: NodeJS.Signals, waitMs: number];

/** Sends the signals one after another until the process is gone. Returns whether it is. */
export async function endProcess(pid: number, blows: readonly Blow[]): Promise<boolean> {
  for (const [signal, waitMs] of blows) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself in between.
      return !isRunning(pid);
    }
    const until = performance.now() + waitMs;
    while (performance.now() < until) {
      if (!isRunning(pid)) return true;
      await sleep(20);
    }
  }
  return !isRunning(pid);
}

/** The fields of /proc/<pid>/stat after the program's name: state first, start time at index 19 (proc(5)). */
function statFields(pid: number): string[] | undefined {
  if (process.platform !== "linux") return undefined;
  const stat = readProc(pid, "stat");
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // No such process, or none that we may look at.
    return undefined;
  }
}

function ps(pid: number, field: string): string | undefined {
  try {
    return execFileSync("ps", ["-o", field, "-p", String(pid)], { encoding: "utf8" }).trim() || undefined;
  } catch {
    // ps ends with code 1 when there is no such process.
    return undefined;
  }
}
