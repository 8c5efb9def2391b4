import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { StartError } from "#mesh/process";
import { openLane } from "./lane.ts";
import { createOrm } from "./orm.ts";
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
  const lane = openLane(url, { application: "heddle migrations", limits: false });
  const orm = createOrm((work) => work(lane));
  try {
    await lane.query("select pg_advisory_lock($1::int, $2::int)", [lockSpace, migrationLock]);
    for (const [migrationsTable, migrationsFolder] of journals) {
      await migrate(orm, { migrationsFolder, migrationsTable, migrationsSchema: "heddle" });
    }
  } catch (error) {
    throw explainConnectFault(driverError(error), url);
  } finally {
    await lane.close();
  }
}

function journalTable(folder: string): string {
  if (!existsSync(join(folder, "meta", "_journal.json"))) {
    throw new StartError(`No migrations in ${folder}: it must hold meta/_journal.json, as drizzle-kit writes it.`);
  }
  const owner = dirname(folder);
  return `migrations_${basename(dirname(owner))}_${basename(owner)}`.replaceAll("-", "_");
}
