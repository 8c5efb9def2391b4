import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Part, StartError } from "#mesh/process";
import { claimFolder } from "./claim-folder.ts";
import { findNatsServer, type NatsServerProgram, natsImage } from "./find-nats-server.ts";
import { natsConfig } from "./nats-config.ts";
import { greets } from "./nats-ready.ts";
import { type Blow, commandOf, endProcess, isRunning } from "./other-process.ts";
import { freePort, portTaken, requireFreePort } from "./port.ts";
import { type ServerCommand, type ServerProcess, startServer } from "./server-process.ts";

/** How to run nats-server. */
export interface LocalNatsOptions {
  /** Folder for streams, configuration, log and the owner's mark; created when missing. */
  folder: string;
  /** Port on 127.0.0.1. 0, the default, takes a free one. */
  port?: number;
  /** Environment variable that faults of the port name. Default HEDDLE_NATS_PORT. */
  portVariable?: string;
  /** Hears what takes long, such as an installation. */
  say?: (line: string) => void;
}

/** A nats-server that runs beside this process. */
export interface LocalNats extends Part {
  /** Known once it has started, or at once when the port is given. */
  readonly url: string;
}

const politeThenHard: readonly Blow[] = [
  ["SIGTERM", 5_000],
  ["SIGKILL", 1_000],
];
const readyTimeoutMs = 60_000;

/**
 * A real nats-server with JetStream, on 127.0.0.1 only. Looks for the program, and installs it where it may, before it
 * returns. `start` recovers from a predecessor that was killed; it throws a StartError for a port or a folder in use.
 */
export async function localNats(options: LocalNatsOptions): Promise<LocalNats> {
  const program = await findNatsServer(options.say);
  const folder = resolve(options.folder);
  const variable = options.portVariable ?? "HEDDLE_NATS_PORT";
  let port = options.port ?? 0;
  let release: (() => void) | undefined;
  let server: ServerProcess | undefined;
  let starting: Promise<void> | undefined;
  let stopping = false;

  async function bringUp(): Promise<void> {
    release = claimFolder(folder);
    await clearLeftovers(folder);
    if (options.port) await requireFreePort(options.port, variable);
    for (let attempt = 1; !stopping; attempt++) {
      // A second start keeps the port, for those who know the URL already.
      if (attempt > 1 || !port) port = options.port || (await freePort());
      server = await startServer(serverCommand(program, folder, port));
      writeFileSync(join(folder, "pid"), String(server.pid));
      if (await server.until(() => greets(port), readyTimeoutMs)) return;
      if (stopping) return;
      const taken = server.output().includes("address already in use");
      // Another program may take a free port before the server does: then the next one.
      if (taken && options.port) throw portTaken(port, variable);
      if (!taken || attempt === 5) throw failure(folder, server);
    }
  }

  async function tearDown(): Promise<void> {
    await server?.end(politeThenHard);
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
    await server?.end(politeThenHard);
    // A start that is under way ends first, well or not: start itself throws its fault.
    await starting?.catch(() => {});
    await tearDown();
  }

  return {
    name: "nats",
    start,
    stop,
    get url() {
      return `nats://127.0.0.1:${port}`;
    },
  };
}

function serverCommand(program: NatsServerProgram, folder: string, port: number): ServerCommand {
  const store = join(folder, "jetstream");
  mkdirSync(store, { recursive: true });
  const config = join(folder, "nats.conf");
  const logFile = join(folder, "nats.log");
  if (program.kind === "program") {
    const options = { version: program.version, host: "127.0.0.1", port, storeFolder: store };
    writeFileSync(config, natsConfig(options));
    return { program: program.path, args: ["-c", config], logFile };
  }
  writeFileSync(config, natsConfig({ version: program.version, host: "0.0.0.0", port: 4222, storeFolder: "/store" }));
  const mounts = ["-v", `${store}:/store`, "-v", `${config}:/nats.conf:ro`];
  const run = ["run", "--rm", "--init", "-p", `127.0.0.1:${port}:4222`, ...userArgs(), ...mounts, natsImage];
  return { program: "docker", args: [...run, "-c", "/nats.conf"], logFile };
}

/** The container writes its streams as us. */
function userArgs(): string[] {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  return uid === undefined ? [] : ["--user", `${uid}:${gid}`];
}

/** Takes down a server that a killed predecessor left running on this folder. */
async function clearLeftovers(folder: string): Promise<void> {
  const file = join(folder, "pid");
  if (!existsSync(file)) return;
  const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
  const isOurs = pid > 0 && isRunning(pid) && commandOf(pid)?.includes(join(folder, "nats.conf"));
  if (isOurs && !(await endProcess(pid, politeThenHard))) {
    throw new StartError(`A nats-server of an earlier start (process ${pid}) does not stop. Run: kill -9 ${pid}`);
  }
  rmSync(file, { force: true });
}

function failure(folder: string, server: ServerProcess): StartError {
  const lines = server.output().trim().split("\n");
  const why = lines.findLast((line) => /\[FTL\]|\[ERR\]|error/i.test(line)) ?? lines.at(-1);
  return new StartError(
    `nats-server does not start: ${why} (log: ${join(folder, "nats.log")})
If its data in ${folder} is broken, delete that folder: events are published again from the outboxes.`,
  );
}
