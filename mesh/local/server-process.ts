import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Blow, endProcess } from "./other-process.ts";

/** A server that runs beside us. */
export interface ServerProcess {
  readonly pid: number;
  /** Whether it has not ended yet. */
  running(): boolean;
  /** What it has written so far. */
  output(): string;
  /** Calls `ready` until it returns true. Returns false when the server ends before, throws after `timeoutMs`. */
  until(ready: () => Promise<boolean>, timeoutMs: number): Promise<boolean>;
  /** Sends the signals one after another until it is gone. */
  end(blows: readonly Blow[]): Promise<void>;
}

/** How to run a server. */
export interface ServerCommand {
  program: string;
  args: readonly string[];
  /** File that takes what it writes; replaced at each start. A file, because a pipe would break when we are killed. */
  logFile: string;
  /** User and group id; those of this process when left out. */
  user?: { uid: number; gid: number } | undefined;
  env?: NodeJS.ProcessEnv;
}

/**
 * Starts a server in a session of its own, so that Ctrl-C in the terminal reaches us and not it: we stop it after
 * whatever needs it. Throws when the program cannot be run.
 */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const log = openSync(command.logFile, "w");
  const child = spawn(command.program, command.args, {
    cwd: "/",
    detached: true,
    stdio: ["ignore", log, log],
    ...(command.env && { env: command.env }),
    ...command.user,
  });
  closeSync(log);
  const pid = await spawned(child);
  const running = () => child.exitCode === null && child.signalCode === null;
  const output = () => readFileSync(command.logFile, "utf8");

  async function until(ready: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (running()) {
      if (await ready()) return true;
      if (performance.now() > deadline) throw new Error(`${command.program} was not ready after ${timeoutMs} ms`);
      await sleep(20);
    }
    return false;
  }

  async function end(blows: readonly Blow[]): Promise<void> {
    if (running()) await endProcess(pid, blows);
  }

  return { pid, running, output, until, end };
}

function spawned(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", () => (child.pid === undefined ? reject(new Error("no process id")) : resolve(child.pid)));
  });
}
