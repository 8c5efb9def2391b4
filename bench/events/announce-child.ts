// The producing service of the hop.
import { setTimeout } from "node:timers/promises";
import { announce, createAnnouncer } from "./announcer.ts";
import { serve } from "./child.ts";
import { now } from "./clock.ts";

const [postgresUrl = "", natsUrl = ""] = process.argv.slice(2);
const announcer = await createAnnouncer(postgresUrl, natsUrl);
const { sql } = announcer.database;
// By a clock that is a year late nothing is old: deleting is left to the other replica.
const events = announcer.createEvents(() => Date.now() - 365 * 86_400_000);
const perSecond = 200;
let orders = 0;

/** Announces `count` orders, each when its time has come, whatever became of the others. When each was committed. */
async function flow(count: number): Promise<[string, number][]> {
  const started = now();
  const committed: Promise<[string, number]>[] = [];
  while (committed.length < count) {
    const due = Math.min(count, Math.floor(((now() - started) / 1000) * perSecond));
    while (committed.length < due) committed.push(announceOne(`order-${orders++}`));
    await setTimeout(1);
  }
  return await Promise.all(committed);
}

async function announceOne(orderId: string): Promise<[string, number]> {
  await announce(announcer, events, [orderId]);
  return [orderId, now()];
}

/** Starts with an outbox that holds `count` published events of 1 KB that are too old to be kept. */
async function start(count: number): Promise<void> {
  await sql`
    insert into heddle.outbox (event_id, aggregate, aggregate_id, aggregate_version, type, subject, headers, payload,
      created_at, published_at)
    select gen_random_uuid(), 'order', 'old-' || n, 1, 'old', 'old', '{}', convert_to(repeat('x', 900), 'UTF8'),
      now() - interval '30 days', now() - interval '30 days'
    from generate_series(1, ${count}::int) as n`;
  await events.start();
}

/** The same while the old events are deleted. */
async function flowAndPrune(count: number): Promise<[string, number][]> {
  const replica = announcer.createEvents();
  await replica.start();
  const [moments] = await Promise.all([flow(count), replica.stop()]);
  const [row] = await sql`select exists (select from heddle.outbox where type = 'old') as old`;
  if (row?.old) throw new Error("old events were left");
  return moments;
}

serve({ start, flow, flowAndPrune });
