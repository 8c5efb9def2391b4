import { join } from "node:path";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type postgres from "postgres";
import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { connectOne, databaseUrl } from "./connect.ts";
import { ensureDatabase } from "./ensure-database.ts";
import { type Lane, openLane } from "./lane.ts";
import { createLanePool } from "./lane-pool.ts";
import { applyMigrations } from "./migrate.ts";
import { createOrm } from "./orm.ts";
import { runTransaction, type Transaction } from "./transaction.ts";

/** Folder of the migrations of the mesh's own tables, schema "heddle": the first of every service's migrations. */
export const meshMigrations: string = join(import.meta.dirname, "migrations");

/** A service's own database: created and migrated by start(), its connections closed by stop(). */
export interface Database extends Part {
  readonly name: string;
  /** Most connections of the pool. */
  readonly poolSize: number;
  /** Queries outside a transaction. Usable before start(), which only readies the tables. */
  readonly orm: PostgresJsDatabase;
  /** The driver itself, on one connection beside the pool: for tools and tests, not for a service's work. */
  readonly sql: postgres.Sql;
  /** Runs `work` in a transaction, again on deadlock or serialization failure (3 times), then its afterCommit callbacks. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * Opens one connection beside the pool, until it is closed or lost: for locks that live as long as it does. Postgres
   * ends it, and with it the locks, when it hears nothing for `longestSilenceMs` (default: never).
   */
  dedicated(options: { purpose: string; longestSilenceMs?: number; onClose?: () => void }): Lane;
}

/** How to reach a database. */
export interface DatabaseOptions {
  /** Server and login, with any database to connect to first. */
  readonly postgresUrl: string;
  /** Name of the database. */
  readonly name: string;
  /** Folders of migrations, applied in order, each with its own journal. */
  readonly migrations: readonly string[];
  /** Most connections. Default 10. */
  readonly poolSize?: number;
  /** How long start() waits for a server that is away or starting, in milliseconds. Default 5000. */
  readonly waitMs?: number;
  readonly log: Logger;
}

/** How long stop() waits for running statements and transactions, in milliseconds. */
const stopTimeoutMs = 5_000;

/** A database that start() creates if it is missing and brings up to date; see Database. */
export function createDatabase(options: DatabaseOptions): Database {
  const { name, poolSize = 10, waitMs = 5_000, log } = options;
  const url = databaseUrl(options.postgresUrl, name);
  const application = `heddle ${name}`;
  const lanes = createLanePool(() => openLane(url, { application }), poolSize);
  const orm = createOrm(lanes.use);
  const sql = connectOne(url, { application: `${application} tools` });
  return {
    name,
    poolSize,
    orm,
    sql,
    transaction: (work) => runTransaction(orm, work),
    dedicated: ({ purpose, ...rest }) =>
      openLane(url, { application: `${application} ${purpose}`, limits: false, ...rest }),
    async start() {
      await ensureDatabase(options.postgresUrl, name, waitMs);
      await applyMigrations(url, options.migrations);
      log.debug({ database: name }, "database is up to date");
    },
    async stop() {
      await Promise.all([lanes.end(stopTimeoutMs), sql.end({ timeout: 1 })]);
    },
  };
}
