// node scripts/bootstrap.mjs tests/corpus/record.ts [--as <suffix>]: acts the stories in a shop of its own, as
// customers would, and keeps what each service announced. A recording that is there stays: --as records all stories
// beside the old ones, under names with that suffix. See README.md.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import postgres from "postgres";
import type { Contract } from "#mesh/contract";
import { eventually } from "#mesh/testing";
import { type ShopFolder, shopFolder } from "../e2e/started-shop.ts";
import { actedStories, type Cast, cast } from "./acted-stories.ts";
import { readContracts } from "./contracts.ts";
import { type RecordedEvent, type Story, storyFolder } from "./story.ts";

type Rest = Story["rest"];

/** The databases of a shop, by service. */
type Databases = ReadonlyMap<string, postgres.Sql>;

const quietMs = 2_000;

function openDatabases({ environment }: ShopFolder, services: Iterable<string>): Databases {
  const server = `postgres://heddle@127.0.0.1:${environment.HEDDLE_POSTGRES_PORT}`;
  return new Map([...services].map((name) => [name, postgres(`${server}/${name.replaceAll(".", "_")}`, { max: 1 })]));
}

async function eventsOf(ids: readonly string[], databases: Databases, contracts: ReadonlyMap<string, Contract>) {
  const found: (RecordedEvent & { readonly at: number })[] = [];
  for (const [service, sql] of databases) {
    const rows = await sql`
      select *, extract(epoch from created_at)::float8 as at from heddle.outbox
      where aggregate_id = any(${ids}) or headers ->> 'ce-correlationid' = any(${ids}) order by id`;
    for (const row of rows) {
      const message = contracts.get(service)?.events.get(row.type)?.message;
      if (!message) throw new Error(`${service} does not declare ${row.type}`);
      found.push({
        ...{ at: Number(row.at), service, type: row.type, aggregate: row.aggregate, key: row.aggregate_id },
        ...{ aggregateVersion: Number(row.aggregate_version), subject: row.subject, headers: row.headers },
        payload: row.payload.toString("base64"),
        json: toJson(message, fromBinary(message, row.payload)),
      });
    }
  }
  // One clock, that of Postgres, at the start of each transaction: an effect comes after its cause.
  return found.toSorted((a, b) => a.at - b.at).map(({ at: _, ...event }) => event);
}

async function restOf(ids: readonly string[], databases: Databases): Promise<Rest> {
  const rest: Rest = {};
  for (const [service, sql] of databases) {
    const rows = await sql`select key, state from heddle.participant where key = any(${ids}) order by key`;
    if (rows.length > 0) rest[service] = Object.fromEntries(rows.map(({ key, state }) => [key, state]));
  }
  return rest;
}

/** Waits until a story has announced nothing more for a while. */
async function untilQuiet(ids: readonly string[], databases: Databases): Promise<void> {
  let before = "";
  await eventually(
    async () => {
      const counts = await Promise.all(
        [...databases.values()].map(
          (sql) => sql`
            select count(*)::int as n, count(*) filter (where published_at is null)::int as waiting from heddle.outbox
            where aggregate_id = any(${ids}) or headers ->> 'ce-correlationid' = any(${ids})`,
        ),
      );
      const now = JSON.stringify([counts, await restOf(ids, databases)]);
      if (now !== before) {
        before = now;
        throw new Error("still going on");
      }
    },
    { timeoutMs: 60_000, intervalMs: quietMs },
  );
}

async function main(): Promise<void> {
  const { as } = parseArgs({ options: { as: { type: "string" } } }).values;
  const fileOf = (story: string) => join(storyFolder, `${story}${as ? `-${as}` : ""}.json`);
  const missing = actedStories.filter(({ name }) => !existsSync(fileOf(name)));
  if (missing.length === 0) {
    console.log("Every story is recorded. --as <suffix> records them again, beside.");
    return;
  }
  mkdirSync(storyFolder, { recursive: true });
  const contracts = await readContracts();
  await using folder = await shopFolder({ ORDER_DEADLINE_MS: "4s", PAYMENT_PROVIDER_SLOW_MS: "8s" });
  const shop = await folder.start();
  const databases = openDatabases(folder, contracts.keys());
  const people: Cast = await cast(shop.http);
  for (const { name, about, act } of missing) {
    const ids = await act(people);
    await untilQuiet(ids, databases);
    const events = await eventsOf(ids, databases, contracts);
    const recorded = { about, events, rest: await restOf(ids, databases) };
    writeFileSync(fileOf(name), `${JSON.stringify(recorded, undefined, 2)}\n`);
    console.log(`${name}: ${events.map(({ type }) => type.split(".").at(-1)).join(", ")}`);
  }
  await Promise.all([...databases.values()].map((sql) => sql.end()));
}

await main();
