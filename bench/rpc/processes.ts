import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClientLoad, ClientResult } from "./client.ts";
import type { ClientSettings, ServerSettings } from "./settings.ts";

/** A server in a process of its own. */
export interface ServerProcess {
  readonly address: string;
  /** Processor time that it has used so far, in microseconds. */
  cpuMicros(): Promise<number>;
  kill(): void;
}

/** A client in a process of its own. */
export interface ClientProcess {
  run(load: ClientLoad): Promise<ClientResult>;
  kill(): void;
}

/** Starts a server and waits until it listens. */
export async function startServer(settings: ServerSettings): Promise<ServerProcess> {
  const child = start("server.ts", settings);
  const { address } = await messageOf<{ address: string }>(child);
  return {
    address,
    async cpuMicros() {
      child.send("cpu");
      return (await messageOf<{ cpu: number }>(child)).cpu;
    },
    kill: () => child.kill(),
  };
}

/** Starts a client and waits until it can call. */
export async function startClient(settings: ClientSettings): Promise<ClientProcess> {
  const child = start("client.ts", settings);
  await messageOf(child);
  return {
    async run(load) {
      child.send(load);
      return messageOf<ClientResult>(child);
    },
    kill: () => child.kill(),
  };
}

/** Starts a file of this folder with one argument. The log is written, and nobody reads it. */
export function start(file: string, argument: object = {}): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return fork(path, [JSON.stringify(argument)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
}

/** The next message of a child; rejects when it ends instead. */
export function messageOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`${child.spawnargs[1]} ended with ${code}`));
    child.once("exit", ended).once("message", (message) => {
      child.off("exit", ended);
      resolve(message as T);
    });
  });
}
