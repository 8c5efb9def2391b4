import postgres from "postgres";
import { expect, test } from "vitest";
import { eventually, testDatabases, testNats, testPostgresUrl } from "./index.ts";

async function databasesWith(prefix: string): Promise<string[]> {
  const sql = postgres(testPostgresUrl(), { max: 1 });
  const rows = await sql`select datname from pg_database where starts_with(datname, ${prefix})`;
  await sql.end();
  return rows.map((row) => row.datname);
}

test("databases of a prefix are dropped at the end", async () => {
  let prefix = "";
  {
    await using databases = testDatabases();
    prefix = databases.prefix;
    const { name, url } = await databases.create("orders");
    const sql = postgres(url);
    const [row] = await sql`select current_database() as name`;
    expect(row?.name).toBe(name);
    expect(await databasesWith(prefix)).toEqual([`${prefix}orders`]);
    await sql.end();
  }
  expect(await databasesWith(prefix)).toEqual([]);
});

test("a broker of one's own keeps its port over a restart", async () => {
  await using nats = await testNats();
  const { url } = nats;
  await nats.server.stop();
  await nats.server.start();
  expect(nats.url).toBe(url);
});

test("eventually returns the first success and throws the last error", async () => {
  let calls = 0;
  const third = () => {
    calls += 1;
    if (calls < 3) throw new Error(`call ${calls}`);
    return calls;
  };
  expect(await eventually(third)).toBe(3);
  await expect(eventually(() => Promise.reject(new Error("never")), { timeoutMs: 20 })).rejects.toThrow("never");
});
