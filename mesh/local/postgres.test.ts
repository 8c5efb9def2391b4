import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import postgres from "postgres";
import { expect, test } from "vitest";
import { isRunning } from "./other-process.ts";
import { freePort } from "./port.ts";
import { localPostgres } from "./postgres.ts";
import { deletePostgresData } from "./postgres-data.ts";
import { killedAfter, testFolder } from "./test-folder.ts";

/** Starts a Postgres for one piece of work. */
async function withPostgres<T>(folder: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const server = localPostgres({ folder, durable: false });
  await server.start();
  const sql = postgres(server.url, { max: 1 });
  try {
    return await work(sql);
  } finally {
    await sql.end();
    await server.stop();
  }
}

const write = (sql: postgres.Sql) => sql`create table kept as select 7 as value`;
const read = async (sql: postgres.Sql) => (await sql`select value from kept`)[0]?.value;

test("a second start keeps the data, and letters beyond ASCII have cases", async () => {
  using folder = testFolder();
  await withPostgres(folder.path, write);
  expect(await withPostgres(folder.path, read)).toBe(7);
  const [row] = await withPostgres(folder.path, (sql) => sql`select lower('ÉTUDE') as lower, current_user as user`);
  expect(row).toEqual({ lower: "étude", user: "heddle" });
});

test("an orphan of a killed predecessor is taken down first, and nothing is lost", async () => {
  using folder = testFolder();
  const output = await killedAfter(`
    import postgres from "postgres";
    const server = localPostgres({ folder: ${JSON.stringify(folder.path)}, durable: false });
    await server.start();
    const sql = postgres(server.url);
    await sql\`create table kept as select 7 as value\`;`);
  expect(output).toBe("");
  const orphan = Number.parseInt(readFileSync(join(folder.path, "data", "postmaster.pid"), "utf8"), 10);
  expect(isRunning(orphan)).toBe(true);
  expect(await withPostgres(folder.path, read)).toBe(7);
  expect(isRunning(orphan)).toBe(false);
});

test("a pid file whose number another program has inherited does not matter", async () => {
  using folder = testFolder();
  await withPostgres(folder.path, write);
  writeFileSync(join(folder.path, "data", "postmaster.pid"), `${process.ppid}\n${folder.path}/data\n1\n5432\n\n\n\n`);
  expect(await withPostgres(folder.path, read)).toBe(7);
});

test("a folder has one user at a time", async () => {
  using folder = testFolder();
  await withPostgres(folder.path, async () => {
    await expect(localPostgres({ folder: folder.path }).start()).rejects.toThrow(/is in use by this process/);
  });
});

test("a server that is killed under load starts again at once, at the same port", async () => {
  using folder = testFolder();
  const server = localPostgres({ folder: folder.path, durable: false });
  await server.start();
  const { url } = server;
  for (let kill = 0; kill < 4; kill++) {
    const sql = postgres(server.url, { max: 10, onnotice: () => {} });
    await Promise.all(Array.from({ length: 10 }, () => sql`select 1`));
    process.kill(Number(readFileSync(join(folder.path, "pid"), "utf8")), "SIGKILL");
    await server.stop();
    await server.start();
    expect(server.url).toBe(url);
    await sql.end({ timeout: 0 });
  }
  await server.stop();
});

test("a port in use names the variable to change", async () => {
  using folder = testFolder();
  const port = await freePort();
  const other = createServer().listen(port, "127.0.0.1");
  await expect.poll(() => other.listening).toBe(true);
  await expect(localPostgres({ folder: folder.path, port }).start()).rejects.toThrow(
    `Port ${port} is in use by another program. Stop that program, or set HEDDLE_POSTGRES_PORT to another port.`,
  );
  other.close();
  const server = localPostgres({ folder: folder.path, port, durable: false });
  await server.start();
  expect(server.url).toBe(`postgres://heddle@127.0.0.1:${port}/postgres`);
  await server.stop();
});

test("data of another version, no data and broken data say what to do", async () => {
  using folder = testFolder();
  const data = join(folder.path, "data");
  const start = () => localPostgres({ folder: folder.path, durable: false }).start();
  mkdirSync(data);
  writeFileSync(join(data, "notes.txt"), "mine");
  await expect(start()).rejects.toThrow(/it holds no Postgres data\.\nDelete the folder, or .* --fresh/);
  writeFileSync(join(data, "PG_VERSION"), "16\n");
  await expect(start()).rejects.toThrow(/it was written by Postgres 16, and this is 18/);
  using other = testFolder();
  await withPostgres(other.path, write);
  writeFileSync(join(other.path, "data", "global", "pg_control"), "");
  await expect(localPostgres({ folder: other.path }).start()).rejects.toThrow(
    /cannot use its data folder .*pg_control/,
  );
});

test("a cluster that was never finished is made anew", async () => {
  using folder = testFolder();
  mkdirSync(join(folder.path, "data.new"));
  writeFileSync(join(folder.path, "data.new", "PG_VERSION"), "18\n");
  await withPostgres(folder.path, write);
  expect(existsSync(join(folder.path, "data.new"))).toBe(false);
});

test("a stop during the start leaves nothing running", async () => {
  using folder = testFolder();
  const server = localPostgres({ folder: folder.path, durable: false });
  const starting = server.start().catch(() => {});
  await server.stop();
  await starting;
  expect(existsSync(join(folder.path, "owner"))).toBe(false);
  expect(existsSync(join(folder.path, "data", "postmaster.pid"))).toBe(false);
  await withPostgres(folder.path, write);
});

test("a home that others cannot enter works for root too", async () => {
  using folder = testFolder();
  const home = join(folder.path, "closed");
  mkdirSync(home, { mode: 0o700 });
  await withPostgres(home, write);
  expect(await withPostgres(home, read)).toBe(7);
  await deletePostgresData(home);
  expect(existsSync(home)).toBe(false);
});

test("clusters that are made at the same time leave each other alone", async () => {
  using folder = testFolder();
  const homes = ["a", "b", "c"].map((name) => join(folder.path, name));
  for (const home of homes) mkdirSync(home, { mode: 0o700 });
  await Promise.all(homes.map((home) => withPostgres(home, write)));
  expect(await Promise.all(homes.map((home) => withPostgres(home, read)))).toEqual([7, 7, 7]);
  for (const home of homes) await deletePostgresData(home);
});
