import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { PermanentError } from "./delivery.ts";
import { prune, pruneBatch } from "./prune.ts";
import {
  count,
  hasStatus,
  isPublished,
  placed,
  recorder,
  type TestService,
  testWorld,
  waitFor,
} from "./world.fixture.ts";

const dayMs = 24 * 60 * 60 * 1000;
const inDays = (days: number) => new Date(Date.now() + days * dayMs);

const insertOutbox = ({ database }: TestService, n: number) => database.sql`
  insert into heddle.outbox
    (event_id, aggregate, aggregate_id, aggregate_version, type, subject, headers, payload, published_at, stream_seq)
  select gen_random_uuid(), 'order', 'old', -n, 'T', 's', '{}', '', now(), n from generate_series(1, ${n}) as n`;

/** Prunes until so much is deleted in all: while the service's own pruner is at it, a call leaves the work to that. */
async function expectPruned(database: Parameters<typeof prune>[0], expected: { outbox: number; inbox: number }) {
  const deleted = { outbox: 0, inbox: 0 };
  await waitFor(async () => {
    const { outbox, inbox } = await prune(database, { outbox: inDays(1), inbox: inDays(1) });
    deleted.outbox += outbox;
    deleted.inbox += inbox;
    expect(deleted).toEqual(expected);
  });
}

test("what has aged out of the stream is deleted, and what was never published is not", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(orders, "outbox", isPublished)).toBe(1));
  await world.nats.server.stop();
  await waitFor(() => expect(orders.events.status().connected).toBe(false));
  await orders.announce(placed("o2"));
  expect(await prune(orders.database, { outbox: inDays(-1), inbox: inDays(-1) })).toEqual({ outbox: 0, inbox: 0 });
  await expectPruned(orders.database, { outbox: 1, inbox: 0 });
  expect(await count(orders, "outbox", sql`published_at is null and aggregate_id = 'o2'`)).toBe(1);
});

test("more than one batch of old rows is deleted", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  // Whoever starts compares its outbox with the stream first, and would publish again what is not there.
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(orders, "outbox", isPublished)).toBe(1));
  await insertOutbox(orders, 2 * pruneBatch);
  await expectPruned(orders.database, { outbox: 2 * pruneBatch + 1, inbox: 0 });
});

test("the inbox forgets what is done, but neither dead letters nor what was received late", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const inventory = await world.inventory(async ({ key }) => {
    if (key === "dead") {
      throw new PermanentError("no");
    }
    return key === "parked" ? "parked" : "done";
  });
  await orders.announce(placed("done"), placed("dead"), placed("parked"), placed("late"));
  await waitFor(async () => expect(await count(inventory, "inbox", sql`status <> 'done'`)).toBe(2));
  await waitFor(async () => expect(await count(inventory, "inbox")).toBe(4));
  const [late] = await orders.database.sql`select event_id from heddle.outbox where aggregate_id = 'late'`;
  await inventory.database.sql`
    update heddle.inbox set received_at = now() + interval '5 days' where event_id = ${late?.event_id}`;
  await expectPruned(inventory.database, { outbox: 0, inbox: 1 });
  const left = await inventory.database.sql`select status from heddle.inbox order by status`;
  expect(left.map(({ status }) => status)).toEqual(["dead", "done", "parked"]);
});

test("services delete by their clock, when the streams have forgotten", async () => {
  await using world = await testWorld();
  const { receive } = recorder();
  const started = async (days: number) => {
    const now = () => inDays(days).getTime();
    return { orders: await world.orders({ now }), inventory: await world.inventory(receive, { now }) };
  };
  const first = await started(0);
  await first.orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(first.inventory, "inbox", hasStatus("done"))).toBe(1));
  await waitFor(async () => expect(await count(first.orders, "outbox", isPublished)).toBe(1));
  const second = await started(9);
  await waitFor(async () => expect(await count(second.orders, "outbox")).toBe(0));
  expect(await count(second.inventory, "inbox")).toBe(1);
  const third = await started(16);
  await waitFor(async () => expect(await count(third.inventory, "inbox")).toBe(0));
});
