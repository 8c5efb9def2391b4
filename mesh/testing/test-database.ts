import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** URL of the Postgres that all tests of a run share. */
    postgresUrl: string;
  }
}

/** A corner of the shared Postgres. */
export interface TestDatabases extends AsyncDisposable {
  /** URL of the server, for `postgresUrl` options; its own database is not used by tests. */
  readonly postgresUrl: string;
  /** Put before the name of every database that the test makes: nobody else uses it. */
  readonly prefix: string;
  /** Name of an ordinary database with the prefix, created by this call. */
  create(name?: string): Promise<{ name: string; url: string }>;
}

/** URL of the Postgres that all tests of a run share: POSTGRES_URL, else one that the run started for itself. */
export function testPostgresUrl(): string {
  return inject("postgresUrl");
}

/** Reserves a database prefix and drops every database with it at the end. Use with `await using`. */
export function testDatabases(): TestDatabases {
  const postgresUrl = testPostgresUrl();
  const prefix = `test_${randomBytes(6).toString("hex")}_`;

  async function create(name = "db"): Promise<{ name: string; url: string }> {
    await withServer(postgresUrl, (sql) => sql`create database ${sql(prefix + name)}`);
    const url = new URL(postgresUrl);
    url.pathname = `/${prefix}${name}`;
    return { name: prefix + name, url: url.href };
  }

  async function dropAll(): Promise<void> {
    await withServer(postgresUrl, async (sql) => {
      const rows = await sql<{ datname: string }[]>`
        select datname from pg_database where starts_with(datname, ${prefix})`;
      for (const { datname } of rows) await sql`drop database ${sql(datname)} with (force)`;
    });
  }

  return { postgresUrl, prefix, create, [Symbol.asyncDispose]: dropAll };
}

async function withServer(url: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await work(sql);
  } finally {
    await sql.end();
  }
}
