import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { StartError } from "#mesh/process";
import { connectOne } from "./connect.ts";
import { driverError, explainConnectFault } from "./postgres-fault.ts";

/** First key of Heddle's advisory locks ("hedl"); the second says what is locked. */
export const lockSpace = 0x6865646c;
const migrationLock = 1;

/**
 * Applies the migrations of each folder that are new to the database, in order, while other processes wait.
 *
 * A folder holds drizzle's migrations (`*.sql` and `meta/_journal.json`). Its journal is a table in schema "heddle"
 * named for its place, as `migrations_shop_order` for `shop/order/migrations`: a folder may move as a whole, but not
 * change the names of the two folders around it. Throws StartError for a folder that cannot be read.
 */
export async function applyMigrations(url: string, folders: readonly string[]): Promise<void> {
  const journals = new Map(folders.map((folder) => [journalTable(folder), folder]));
  if (journals.size < folders.length) {
    throw new StartError(`Two folders of migrations share a journal: rename one of ${folders.join(", ")}.`);
  }
  const sql = connectOne(url, { application: "heddle migrations" });
  try {
    await sql`select pg_advisory_lock(${lockSpace}::int, ${migrationLock}::int)`;
    for (const [migrationsTable, migrationsFolder] of journals) {
      await migrate(drizzle(sql), { migrationsFolder, migrationsTable, migrationsSchema: "heddle" });
    }
  } catch (error) {
    throw explainConnectFault(driverError(error), url);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function journalTable(folder: string): string {
  if (!existsSync(join(folder, "meta", "_journal.json"))) {
    throw new StartError(`No migrations in ${folder}: it must hold meta/_journal.json, as drizzle-kit writes it.`);
  }
  const owner = dirname(folder);
  return `migrations_${basename(dirname(owner))}_${basename(owner)}`.replaceAll("-", "_");
}
