import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { localNats, localPostgres } from "#mesh/local";

/** Postgres with durable commits, which counts statements, and nats-server; empty, each in processes of its own. */
export interface Servers extends AsyncDisposable {
  readonly postgresUrl: string;
  readonly natsUrl: string;
}

/** Starts both in a folder that is removed at the end. Use with `await using`. */
export async function startServers(): Promise<Servers> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-events-"));
  const database = localPostgres({ folder: join(folder, "postgres") });
  const broker = await localNats({ folder: join(folder, "nats") });
  await Promise.all([database.start(), broker.start()]);
  await setUp(database.url, "alter system set shared_preload_libraries = 'pg_stat_statements'");
  await database.stop();
  await database.start();
  await setUp(database.url, "create extension pg_stat_statements");
  return {
    postgresUrl: database.url,
    natsUrl: broker.url,
    async [Symbol.asyncDispose]() {
      await Promise.all([database.stop(), broker.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function setUp(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1 });
  await sql.unsafe(statement);
  await sql.end();
}
