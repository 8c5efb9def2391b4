import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { StartError } from "#mesh/process";
import { findNatsServer, type NatsServerProgram, natsImage } from "./find-nats-server.ts";
import { type LocalServer, localServer } from "./local-server.ts";
import { natsConfig } from "./nats-config.ts";
import { greets } from "./nats-ready.ts";
import { type Blow, commandOf, endProcess, isRunning } from "./other-process.ts";
import type { ServerCommand } from "./server-process.ts";

/** How to run nats-server. */
export interface LocalNatsOptions {
  /** Folder for streams, configuration, log and the owner's mark; created when missing. */
  folder: string;
  /** Port on 127.0.0.1. 0, the default, takes a free one. */
  port?: number;
  /** Environment variable that faults of the port name. Default HEDDLE_NATS_PORT. */
  portVariable?: string;
  /** Who may connect and do what, as renderAccounts writes it. Default: everyone, everything. */
  accounts?: string;
  /** Hears what takes long, such as an installation. */
  say?: (line: string) => void;
}

const politeThenHard: readonly Blow[] = [
  ["SIGTERM", 5_000],
  ["SIGKILL", 1_000],
];

/**
 * A real nats-server with JetStream, on 127.0.0.1 only. Looks for the program, and installs it where it may, before it
 * returns. `start` recovers from a predecessor that was killed; it throws a StartError for a port or a folder in use.
 */
export async function localNats(options: LocalNatsOptions): Promise<LocalServer> {
  const program = await findNatsServer(options.say);
  const folder = resolve(options.folder);
  return localServer({
    name: "nats",
    folder,
    port: options.port ?? 0,
    portVariable: options.portVariable ?? "HEDDLE_NATS_PORT",
    blows: politeThenHard,
    async prepare() {
      await clearLeftovers(folder);
      return (port) => serverCommand(program, { folder, port, accounts: options.accounts });
    },
    ready: greets,
    diagnose: (output) => diagnose(output, folder),
    url: (port) => `nats://127.0.0.1:${port}`,
  });
}

/** Deletes everything that a nats-server kept in its folder; one that was left running on it is taken down first. */
export async function deleteNatsData(folder: string): Promise<void> {
  await clearLeftovers(resolve(folder));
  rmSync(folder, { recursive: true, force: true });
}

interface ServerPlace {
  readonly folder: string;
  readonly port: number;
  readonly accounts: string | undefined;
}

function serverCommand(program: NatsServerProgram, { folder, port, accounts }: ServerPlace): ServerCommand {
  const store = join(folder, "jetstream");
  mkdirSync(store, { recursive: true });
  const config = join(folder, "nats.conf");
  const logFile = join(folder, "nats.log");
  if (program.kind === "program") {
    const options = { version: program.version, host: "127.0.0.1", port, storeFolder: store, accounts };
    writeFileSync(config, natsConfig(options), { mode: 0o600 });
    return { program: program.path, args: ["-c", config], logFile };
  }
  const inside = { version: program.version, host: "0.0.0.0", port: 4222, storeFolder: "/store", accounts };
  writeFileSync(config, natsConfig(inside), { mode: 0o600 });
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

function diagnose(output: string, folder: string): "port taken" | StartError {
  if (/address already in use|port is already allocated/.test(output)) return "port taken";
  const lines = output.trim().split("\n");
  const why = lines.findLast((line) => /\[FTL\]|\[ERR\]|error/i.test(line)) ?? lines.at(-1);
  return new StartError(
    `nats-server does not start: ${why} (log: ${join(folder, "nats.log")})
If its data in ${folder} is broken, delete that folder: events are published again from the outboxes.`,
  );
}
