import { sql } from "drizzle-orm";
import { afterAll, describe, expect, test } from "vitest";
import { StartError } from "#mesh/process";
import { silentLogger, testDatabases } from "#mesh/testing";
import { createDatabase, type Database, meshMigrations } from "./database.ts";
import { driverError, isUnavailable, isUniqueViolation } from "./postgres-fault.ts";
import { afterCommit } from "./transaction.ts";

const log = silentLogger();
const postgres = testDatabases();
afterAll(() => postgres[Symbol.asyncDispose]());

const create = (name: string, migrations: readonly string[] = [meshMigrations]) =>
  createDatabase({ postgresUrl: postgres.postgresUrl, name: postgres.prefix + name, migrations, log });

async function withDatabase(name: string, work: (database: Database) => Promise<void>): Promise<void> {
  const database = create(name);
  await database.start();
  try {
    await database.orm.execute(sql`create table if not exists counter (id int primary key, n int not null)`);
    await work(database);
  } finally {
    await database.stop();
  }
}

describe("start", () => {
  test("creates and migrates a missing database once, whoever is first", async () => {
    const databases = Array.from({ length: 4 }, () => create("race"));
    await Promise.all(databases.map((database) => database.start()));
    await databases[1]?.start();
    const applied = await databases[0]?.orm.execute(sql`select hash from heddle.migrations_mesh_db`);
    expect(applied).toHaveLength(1);
    await Promise.all(databases.map((database) => database.stop()));
  });

  test("says that Postgres does not answer", async () => {
    const away = createDatabase({
      postgresUrl: "postgres://heddle@127.0.0.1:1/postgres",
      name: "away",
      migrations: [],
      waitMs: 0,
      log,
    });
    await expect(away.start()).rejects.toThrow(/does not answer at 127\.0\.0\.1:1 .*POSTGRES_URL/);
    await expect(away.start()).rejects.toBeInstanceOf(StartError);
    const error = await away.orm.execute(sql`select 1`).catch((fault: unknown) => fault);
    expect(isUnavailable(error)).toBe(true);
    await away.stop();
  });

  test("says that a role may not log in", async () => {
    const url = new URL(postgres.postgresUrl);
    url.username = "nobody";
    const stranger = createDatabase({ postgresUrl: url.href, name: "x", migrations: [], log });
    await expect(stranger.start()).rejects.toThrow(/does not let "nobody" in/);
    await stranger.stop();
  });

  test("says that a role may not create databases", async () => {
    const role = `${postgres.prefix}clerk`;
    const url = new URL(postgres.postgresUrl);
    url.username = role;
    await withDatabase("roles", async (database) => {
      await database.sql`create role ${database.sql(role)} login`;
      const clerk = createDatabase({ postgresUrl: url.href, name: `${role}s`, migrations: [], log });
      await expect(clerk.start()).rejects.toThrow(`ALTER ROLE "${role}" CREATEDB`);
      await clerk.stop();
      await database.sql`drop role ${database.sql(role)}`;
    });
  });

  test("refuses a folder that holds no migrations, and one that is named twice", async () => {
    await expect(create("nothing", ["/tmp/nowhere"]).start()).rejects.toThrow(/No migrations in \/tmp\/nowhere/);
    await expect(create("twice", [meshMigrations, meshMigrations]).start()).rejects.toThrow(/share a journal/);
  });
});

describe("transaction", () => {
  test("runs callbacks after the commit and not after a rollback", () =>
    withDatabase("callbacks", async (database) => {
      const seen: unknown[] = [];
      await database.transaction(async (tx) => {
        await tx.execute(sql`insert into counter values (1, 1)`);
        afterCommit(tx, () => seen.push("committed"));
        expect(seen).toEqual([]);
      });
      expect(seen).toEqual(["committed"]);
      const failing = database.transaction(async (tx) => {
        await tx.execute(sql`insert into counter values (2, 1)`);
        afterCommit(tx, () => seen.push("never"));
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      expect(seen).toEqual(["committed"]);
      expect(await database.sql`select id from counter`).toHaveLength(1);
    }));

  test("runs again after a deadlock", () =>
    withDatabase("deadlock", async (database) => {
      await database.sql`insert into counter values (1, 0), (2, 0)`;
      let runs = 0;
      const add = (first: number, second: number, met: Promise<unknown>, meet: () => void) =>
        database.transaction(async (tx) => {
          runs++;
          await tx.execute(sql`update counter set n = n + 1 where id = ${first}`);
          meet();
          await met;
          await tx.execute(sql`update counter set n = n + 1 where id = ${second}`);
        });
      const a = Promise.withResolvers<void>();
      const b = Promise.withResolvers<void>();
      await Promise.all([add(1, 2, b.promise, a.resolve), add(2, 1, a.promise, b.resolve)]);
      expect(runs).toBe(3);
      const rows = await database.sql`select n from counter`;
      expect(rows.map((row) => row.n)).toEqual([2, 2]);
    }));

  test("throws the driver's error, without the parameters in its message", () =>
    withDatabase("faults", async (database) => {
      await database.sql`insert into counter values (1, 0)`;
      const error = await database
        .transaction((tx) => tx.execute(sql`insert into counter values (${1}, ${4711})`))
        .catch((fault: unknown) => fault);
      expect(isUniqueViolation(error)).toBe(true);
      expect(isUniqueViolation(error, "counter_pkey")).toBe(true);
      expect(isUniqueViolation(error, "other")).toBe(false);
      expect(String(error)).not.toContain("4711");
      expect(driverError(error)).toBe(error);
    }));
});

test("a dedicated connection tells when it has closed", () =>
  withDatabase("dedicated", async (database) => {
    const closed = Promise.withResolvers<void>();
    const one = database.dedicated({ purpose: "test", onClose: closed.resolve });
    const [row] = await one`select pg_backend_pid() as pid`;
    await database.sql`select pg_terminate_backend(${row?.pid})`;
    await closed.promise;
    await one.end();
  }));
