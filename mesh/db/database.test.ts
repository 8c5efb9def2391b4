import { sql } from "drizzle-orm";
import { pgSchema, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { afterAll, describe, expect, test } from "vitest";
import { StartError } from "#mesh/process";
import { silentLogger, testDatabases } from "#mesh/testing";
import { createDatabase, type Database, meshMigrations } from "./database.ts";
import { driverError, isUnavailable, isUniqueViolation } from "./postgres-fault.ts";
import { afterCommit, type Transaction } from "./transaction.ts";

const log = silentLogger();
const inbox = pgSchema("heddle").table("inbox", {
  eventId: uuid("event_id").notNull(),
  consumer: text("consumer").notNull(),
  status: text("status").notNull(),
  receivedAt: timestamp("received_at", { withTimezone: true }).notNull(),
});
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
    const applied = (await databases[0]?.orm.execute(sql`select hash from heddle.migrations_mesh_db`)) ?? [];
    expect(applied.length).toBeGreaterThan(0);
    expect(new Set(applied.map(({ hash }) => hash)).size).toBe(applied.length);
    await Promise.all(databases.map((database) => database.stop()));
  });

  test("keeps a service's tables apart from the mesh's, also for a role that is called heddle", async () => {
    await withDatabase("names", async ({ orm }) => {
      const [row] = await orm.execute(sql`select current_user as role, current_schema() as schema`);
      expect(row).toEqual({ role: "heddle", schema: "public" });
    });
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
          // The loser might come back before the winner has noticed that its row is free, and they would meet once more.
          if (runs > 2) await Promise.race(both);
          await tx.execute(sql`update counter set n = n + 1 where id = ${first}`);
          meet();
          await met;
          await tx.execute(sql`update counter set n = n + 1 where id = ${second}`);
        });
      const a = Promise.withResolvers<void>();
      const b = Promise.withResolvers<void>();
      const both = [add(1, 2, b.promise, a.resolve), add(2, 1, a.promise, b.resolve)];
      await Promise.all(both);
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

test("a dedicated connection tells when it has closed, and takes nothing from then on", () =>
  withDatabase("dedicated", async (database) => {
    const closed = Promise.withResolvers<void>();
    const lane = database.dedicated({ purpose: "test", onClose: closed.resolve });
    const [row] = await lane.query("select pg_backend_pid() as pid");
    await database.orm.execute(sql`select pg_terminate_backend(${row?.pid})`);
    await closed.promise;
    expect(lane.alive).toBe(false);
    const error = await lane.query("select 1").catch((fault: unknown) => fault);
    expect(isUnavailable(error)).toBe(true);
    await lane.close();
  }));

describe("a lost connection", () => {
  const ownPid = async (tx: Transaction) => {
    const [row] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    return row?.pid;
  };

  test("ends its transaction, nothing of which stays, and the pool goes on", () =>
    withDatabase("lost", async (database) => {
      for (let n = 0; n < 20; n++) {
        const work = database.transaction(async (tx) => {
          await tx.execute(sql`insert into counter values (${n}, 0)`);
          await database.sql`select pg_terminate_backend(${(await ownPid(tx)) ?? 0})`;
          await Promise.all([
            tx.execute(sql`insert into counter values (${100 + n}, 0)`),
            tx.execute(sql`insert into counter values (${200 + n}, 0)`),
          ]);
        });
        const error = await work.catch((fault: unknown) => fault);
        expect(isUnavailable(error)).toBe(true);
      }
      expect(await database.orm.execute(sql`select * from counter`)).toEqual([]);
    }));

  test("takes everything with it that was sent and not answered", () =>
    withDatabase("unanswered", async (database) => {
      for (let n = 0; n < 10; n++) {
        const work = database.transaction(async (tx) => {
          const end = tx.execute(sql`select pg_terminate_backend(pg_backend_pid())`);
          // More than the driver sends ahead.
          const inserts = Array.from({ length: 150 }, (_, id) =>
            tx.execute(sql`insert into counter values (${id}, 0)`),
          );
          await Promise.allSettled([end, ...inserts]);
        });
        await expect(work).rejects.toThrow();
      }
      expect(await database.orm.execute(sql`select * from counter`)).toEqual([]);
    }));

  test("leaves later statements of a transaction that goes on unrun", () =>
    withDatabase("goes-on", async (database) => {
      const work = database.transaction(async (tx) => {
        await database.sql`select pg_terminate_backend(${(await ownPid(tx)) ?? 0})`;
        await tx.execute(sql`insert into counter values (1, 0)`).catch(() => undefined);
        await tx.execute(sql`insert into counter values (2, 0)`).catch(() => undefined);
        await database.orm.execute(sql`select 1`);
        await tx.execute(sql`insert into counter values (3, 0)`).catch(() => undefined);
      });
      await expect(work).rejects.toThrow();
      expect(await database.orm.execute(sql`select * from counter`)).toEqual([]);
    }));
});

describe("the pool", () => {
  test("opens no more connections than allowed, and serves everyone", () =>
    withDatabase("pool", async (database) => {
      const pids = await Promise.all(
        Array.from({ length: 50 }, () => database.orm.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)),
      );
      expect(new Set(pids.map(([row]) => row?.pid)).size).toBeLessThanOrEqual(10);
    }));

  test("lets running transactions end before it stops, and takes no more", async () => {
    const database = create("stopping");
    await database.start();
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const work = database.transaction(async (tx) => {
      begun.resolve();
      await finish.promise;
      return await tx.execute(sql`select 7 as n`);
    });
    await begun.promise;
    const stopped = database.stop();
    await expect(database.orm.execute(sql`select 1`)).rejects.toThrow();
    finish.resolve();
    expect(await work).toMatchObject([{ n: 7 }]);
    await stopped;
  });
});

test("times, JSON and bytes come through drizzle as its columns say", () =>
  withDatabase("types", async (database) => {
    const [row] = await database.orm
      .insert(inbox)
      .values({
        eventId: "0198a5a0-0000-7000-8000-000000000001",
        consumer: "c",
        status: "done",
        receivedAt: new Date(7),
      })
      .returning();
    expect(row?.receivedAt).toEqual(new Date(7));
    expect(await database.orm.select({ at: inbox.receivedAt }).from(inbox)).toEqual([{ at: new Date(7) }]);
  }));

test("a transaction whose work passes over an error does not commit", () =>
  withDatabase("passed-over", async (database) => {
    const work = database.transaction(async (tx) => {
      await tx.execute(sql`insert into counter values (1, 0)`);
      await tx.execute(sql`insert into counter values (1, 0)`).catch(() => undefined);
    });
    const error = await work.catch((fault: unknown) => fault);
    expect(isUniqueViolation(error)).toBe(true);
  }));

test("a nested transaction that fails takes back only its own", () =>
  withDatabase("nested", async (database) => {
    await database.transaction(async (tx) => {
      await tx.execute(sql`insert into counter values (1, 0)`);
      const nested = tx.transaction(async (inner) => {
        await inner.execute(sql`insert into counter values (2, 0)`);
        await inner.execute(sql`insert into counter values (1, 0)`);
      });
      await expect(nested).rejects.toThrow();
    });
    expect(await database.orm.execute(sql`select id from counter`)).toMatchObject([{ id: 1 }]);
  }));
