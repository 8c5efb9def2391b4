import { join } from "node:path";
import { createDatabase, type Database, meshMigrations } from "#mesh/db";
import { silentLogger, testDatabases } from "#mesh/testing";

/** A migrated database of a test's own, without the service around it. Use with `await using`. */
export async function testDatabase(): Promise<Database & AsyncDisposable> {
  const databases = testDatabases();
  const database = createDatabase({
    postgresUrl: databases.postgresUrl,
    name: `${databases.prefix}identity`,
    migrations: [meshMigrations, join(import.meta.dirname, "migrations")],
    log: silentLogger(),
  });
  await database.start();
  return Object.assign(database, {
    async [Symbol.asyncDispose]() {
      await database.stop();
      await databases[Symbol.asyncDispose]();
    },
  });
}
