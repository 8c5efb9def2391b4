// Writes what an order writes, by plain SQL: as many rows in as many transactions, each of one statement.
import postgres from "postgres";
import { serve } from "./child.ts";
import { now } from "./clock.ts";

/** What to write for each order, and how. */
export interface PlainOrders {
  readonly commits: number;
  readonly inserted: number;
  readonly changed: number;
  readonly connections: number;
  readonly inFlight: number;
}

const [postgresUrl = "", perOrder = "{}"] = process.argv.slice(2);
const { commits, inserted, changed, connections, inFlight }: PlainOrders = JSON.parse(perOrder);
/** About what a row of an order has, in bytes. */
const body = "x".repeat(300);
const sql = postgres(postgresUrl, { max: connections, onnotice: () => undefined });
await sql`create table if not exists plain_row (
  id bigint generated always as identity primary key, key text not null, body text not null, changes int not null default 0
)`;
await sql`create index if not exists plain_row_key on plain_row (key)`;
let orders = 0;

async function writeOrder(): Promise<void> {
  const key = `${process.pid}-${orders++}`;
  for (let commit = 1; commit <= commits; commit++) {
    const rows = share(inserted, commit, commits);
    // The first transaction finds no rows to change.
    const changes = share(changed, commit - 1, commits - 1);
    await sql`
      with added as (
        insert into plain_row (key, body) select ${key}, ${body} from generate_series(1, ${rows}::int)
      )
      update plain_row set changes = changes + 1
      where id in (select id from plain_row where key = ${key} order by id limit ${changes}::int)`;
  }
}

/** The part of a whole number that falls to one of several. */
function share(whole: number, one: number, several: number): number {
  return Math.round((whole * one) / several) - Math.round((whole * (one - 1)) / several);
}

/** Orders a second. */
async function write(count: number): Promise<number> {
  const started = now();
  let left = count;
  const worker = async () => {
    while (left-- > 0) await writeOrder();
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return count / ((now() - started) / 1000);
}

serve({ write });
