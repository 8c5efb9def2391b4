import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Part, StartError } from "#mesh/process";
import { claimFolder } from "./claim-folder.ts";
import type { Blow } from "./other-process.ts";
import { freePort, portTaken, requireFreePort } from "./port.ts";
import { type ServerCommand, type ServerProcess, startServer } from "./server-process.ts";

/** A server that runs beside this process, on 127.0.0.1. */
export interface LocalServer extends Part {
  /** Known once it has started, or at once when the port is given. A second start keeps the port. */
  readonly url: string;
}

/** What makes a server this server. */
export interface Recipe {
  name: string;
  /** Absolute folder of everything that it keeps. */
  folder: string;
  /** Port on 127.0.0.1; 0 takes a free one. */
  port: number;
  /** Environment variable that faults of the port name. */
  portVariable: string;
  /** Signals that end it, and how long each may take. */
  blows: readonly Blow[];
  /** Clears what a killed predecessor left and makes what the server needs. Runs while the folder is ours. */
  prepare(): Promise<(port: number) => ServerCommand>;
  /** Whether it serves. */
  ready(port: number): Promise<boolean>;
  /** Why it ended instead of serving, by what it wrote. */
  diagnose(output: string): "port taken" | "try again" | StartError;
  url(port: number): string;
}

const readyTimeoutMs = 60_000;
const attempts = 5;

/** Makes a part of a recipe: one owner for the folder, ports that others may grab first, a stop at any time. */
export function localServer(recipe: Recipe): LocalServer {
  const { name, folder, blows } = recipe;
  let port = recipe.port;
  let release: (() => void) | undefined;
  let server: ServerProcess | undefined;
  let starting: Promise<void> | undefined;
  let stopping = false;

  async function bringUp(): Promise<void> {
    release = claimFolder(folder);
    const command = await recipe.prepare();
    if (recipe.port) await requireFreePort(recipe.port, recipe.portVariable);
    for (let attempt = 1; !stopping; attempt++) {
      if (!port) port = await freePort();
      server = await startServer(command(port));
      writeFileSync(join(folder, "pid"), String(server.pid));
      if (await server.until(() => recipe.ready(port), readyTimeoutMs)) return;
      if (!stopping) judge(recipe.diagnose(server.output()), attempt);
    }
  }

  /** Throws unless another attempt makes sense: another program may take a free port before the server does. */
  function judge(fault: "port taken" | "try again" | StartError, attempt: number): void {
    if (fault instanceof Error) throw fault;
    if (fault === "port taken" && (recipe.port || attempt === attempts)) throw portTaken(port, recipe.portVariable);
    // Whoever uses the server knows its port: only another program's claim makes it move.
    if (fault === "port taken") port = 0;
    if (attempt === attempts) throw new Error(`${name} did not start in ${attempts} attempts`);
  }

  async function tearDown(): Promise<void> {
    await server?.end(blows);
    if (server) rmSync(join(folder, "pid"), { force: true });
    server = undefined;
    release?.();
    release = undefined;
  }

  async function start(): Promise<void> {
    stopping = false;
    starting = bringUp();
    try {
      await starting;
    } catch (error) {
      await tearDown();
      throw error;
    }
  }

  async function stop(): Promise<void> {
    stopping = true;
    await server?.end(blows);
    // A start that is under way ends first, well or not: start itself throws its fault.
    await starting?.catch(() => {});
    await tearDown();
  }

  return {
    name,
    start,
    stop,
    get url() {
      return recipe.url(port);
    },
  };
}
