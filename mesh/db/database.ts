import { join } from "node:path";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type postgres from "postgres";
import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { connectOne, connectPool, databaseUrl } from "./connect.ts";
import { ensureDatabase } from "./ensure-database.ts";
import { applyMigrations } from "./migrate.ts";
import { prepareStatements } from "./prepare-statements.ts";
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
  /**
   * The same pool without drizzle. Drizzle switches off the driver's own conversion of times and of JSON
   * parameters: times come back as text, and JSON goes in as text.
   */
  readonly sql: postgres.Sql;
  /** Runs `work` in a transaction, again on deadlock or serialization failure (3 times), then its afterCommit callbacks. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Opens one connection beside the pool that stays open until it is ended: for session locks. */
  dedicated(options: { purpose: string; onClose?: () => void }): postgres.Sql;
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

/** A database that start() creates if it is missing and brings up to date; see Database. */
export function createDatabase(options: DatabaseOptions): Database {
  const { name, poolSize = 10, waitMs = 5_000, log } = options;
  const url = databaseUrl(options.postgresUrl, name);
  const sql = prepareStatements(connectPool(url, { application: `heddle ${name}`, max: poolSize }));
  const orm = drizzle(sql);
  return {
    name,
    poolSize,
    orm,
    sql,
    transaction: (work) => runTransaction(orm, work),
    dedicated: ({ purpose, ...rest }) => connectOne(url, { application: `heddle ${name} ${purpose}`, ...rest }),
    async start() {
      await ensureDatabase(options.postgresUrl, name, waitMs);
      await applyMigrations(url, options.migrations);
      log.debug({ database: name }, "database is up to date");
    },
    async stop() {
      await sql.end({ timeout: 5 });
    },
  };
}
