// Fills an outbox, lets one relay drain it, and does by hand what the relay does.
import { setTimeout } from "node:timers/promises";
import { connect, headers, type JetStreamClient } from "nats";
import { announce, createAnnouncer } from "./announcer.ts";
import { serve } from "./child.ts";
import { now } from "./clock.ts";

const [postgresUrl = "", natsUrl = ""] = process.argv.slice(2);
/** As many as the relay reads, publishes and marks at a time. */
const batchSize = 500;
const announcer = await createAnnouncer(postgresUrl, natsUrl);
const { sql } = announcer.database;
const nats = await connect({ servers: natsUrl });
await (await nats.jetstreamManager()).streams.add({ name: "PLAIN", subjects: ["plain.>"], deny_delete: true });
let orders = 0;

/** Events a second from the relay's first mark to its last. */
async function drain(count: number): Promise<number> {
  const filling = announcer.createEvents();
  for (let left = count; left > 0; left -= batchSize) {
    await announce(
      announcer,
      filling,
      Array.from({ length: batchSize }, () => `order-${orders++}`),
    );
  }
  const events = announcer.createEvents();
  await events.start();
  while (await anyWaiting()) await setTimeout(100);
  await events.stop();
  const [row] = await sql`
    select count(*)::int as events, count(distinct published_at)::int as batches,
      extract(epoch from max(published_at) - min(published_at))::float8 as seconds
    from (select published_at from heddle.outbox order by id desc limit ${count}) as drained`;
  // What the first mark marked was published before it.
  return (row?.events * (1 - 1 / row?.batches)) / row?.seconds;
}

async function anyWaiting(): Promise<boolean> {
  const [row] = await sql`select exists (select from heddle.outbox where published_at is null) as waiting`;
  return row?.waiting;
}

interface Stored {
  readonly id: string;
  readonly event_id: string;
  readonly subject: string;
  readonly headers: Record<string, string>;
  readonly payload: Uint8Array;
}

/** Events a second of a bare client that publishes the same events to another stream, as many at a time. */
async function publish(count: number): Promise<number> {
  const events = await sql<Stored[]>`
    select id, event_id, subject, headers, payload from heddle.outbox order by id desc limit ${count}`;
  const jetstream = nats.jetstream();
  const started = now();
  for (let from = 0; from < events.length; from += batchSize) {
    await Promise.all(events.slice(from, from + batchSize).map((event) => publishOne(jetstream, event)));
  }
  return events.length / ((now() - started) / 1000);
}

async function publishOne(jetstream: JetStreamClient, event: Stored): Promise<void> {
  const natsHeaders = headers();
  for (const [name, value] of Object.entries(event.headers)) natsHeaders.set(name, value);
  const options = { msgID: `${event.event_id}-${now()}`, expect: { streamName: "PLAIN" }, headers: natsHeaders };
  await jetstream.publish(`plain.${event.subject}`, event.payload, options);
}

/** Events a second that one connection marks as published, as many at a time, doing nothing else. */
async function mark(count: number): Promise<number> {
  const events = await sql<{ id: string; sequence: string }[]>`
    select id, stream_seq as sequence from heddle.outbox order by id desc limit ${count}`;
  const ids = events.map(({ id }) => id).reverse();
  // Their own positions: by others the relay would take the events for lost.
  const sequences = events.map(({ sequence }) => sequence).reverse();
  await sql`update heddle.outbox set published_at = null, stream_seq = null where id = any(${ids}::bigint[])`;
  await sql`vacuum analyze heddle.outbox`;
  const started = now();
  for (let from = 0; from < ids.length; from += batchSize) {
    const to = from + batchSize;
    await sql`
      update heddle.outbox set published_at = now(), stream_seq = marked.sequence
      from unnest(${ids.slice(from, to)}::bigint[], ${sequences.slice(from, to)}::bigint[]) as marked (id, sequence)
      where outbox.id = marked.id`;
  }
  return ids.length / ((now() - started) / 1000);
}

serve({ drain, publish, mark });
