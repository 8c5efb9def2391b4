import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { StartError } from "#mesh/process";
import {
  confirmed,
  count,
  emission,
  isPublished,
  openTransaction,
  placed,
  recorder,
  type TestService,
  testWorld,
  waitFor,
} from "./world.fixture.ts";

const endRelayConnections = ({ database }: TestService) => database.sql`
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name like '% relay'`;

test("an event that commits after a higher id is published all the same", async () => {
  await using world = await testWorld();
  const { keys, receive } = recorder();
  await world.inventory(receive);
  const orders = await world.orders();
  const commit = await openTransaction(orders.database, (tx) =>
    orders.events.outbox.append(tx, [emission(placed("low"))]),
  );
  await orders.announce(placed("high"));
  await waitFor(() => expect(keys()).toEqual(["high"]));
  await commit();
  await waitFor(() => expect(keys()).toEqual(["high", "low"]));
});

test("events of one aggregate are published in the order of their versions, whoever appends them", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const keys = ["a", "b", "c"];
  const announcements = Array.from({ length: 60 }, (_, n) =>
    orders.announce(placed(keys[n % 3] ?? ""), confirmed(keys[(n + 1) % 3] ?? "")),
  );
  await Promise.all(announcements);
  await waitFor(async () => expect(await count(orders, "outbox", isPublished)).toBe(120));
  const rows = await orders.database.sql`
    select array_agg(aggregate_version::int order by stream_seq) as versions from heddle.outbox group by aggregate_id`;
  const inOrder = Array.from({ length: 40 }, (_, n) => n + 1);
  expect(rows.map(({ versions }) => versions)).toEqual([inOrder, inOrder, inOrder]);
});

test("a crash between publishing and marking has one effect", async () => {
  await using world = await testWorld();
  const { keys, receive } = recorder();
  await world.inventory(receive);
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(orders, "outbox", isPublished)).toBe(1));
  await orders.database.sql`update heddle.outbox set published_at = null, stream_seq = null`;
  await orders.announce(placed("o2"));
  await waitFor(async () => expect(await count(orders, "outbox", isPublished)).toBe(2));
  // Keys have no order among one another.
  await waitFor(() => expect(keys().toSorted()).toEqual(["o1", "o2"]));
});

test("what is announced while the broker is away is published when it comes", async () => {
  await using world = await testWorld();
  const { keys, receive } = recorder();
  await world.inventory(receive);
  const orders = await world.orders();
  await orders.announce(placed("before"));
  await waitFor(() => expect(keys()).toEqual(["before"]));
  await world.nats.server.stop();
  await waitFor(() => expect(orders.events.status().connected).toBe(false));
  await orders.announce(placed("meanwhile"));
  await world.nats.server.start();
  await waitFor(() => expect(keys()).toEqual(["before", "meanwhile"]));
});

test("a service starts without the broker, and its events flow once it is there", async () => {
  await using world = await testWorld();
  const { keys, receive } = recorder();
  await world.nats.server.stop();
  const orders = await world.orders();
  const inventory = await world.inventory(receive);
  await orders.announce(placed("o1"));
  expect(orders.events.status().connected).toBe(false);
  expect(inventory.events.status().waitingFor).toEqual(expect.arrayContaining(["shop.order"]));
  await world.nats.server.start();
  await waitFor(() => expect(keys()).toEqual(["o1"]));
  expect(inventory.events.status().waitingFor).not.toContain("shop.order");
});

test("of two replicas one publishes, and the other takes over when it stops", async () => {
  await using world = await testWorld();
  const first = await world.orders();
  await waitFor(() => expect(first.events.status().publishing).toBe(true));
  const second = await world.orders();
  await Promise.all([first.announce(placed("o1")), second.announce(placed("o2"))]);
  await waitFor(async () => expect(await count(first, "outbox", isPublished)).toBe(2));
  expect(second.events.status().publishing).toBe(false);
  await world.stop(first);
  await second.announce(placed("o3"));
  await waitFor(async () => expect(await count(second, "outbox", isPublished)).toBe(3));
  expect(second.events.status().publishing).toBe(true);
});

test("a relay that loses its connection to the database leads again", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  await waitFor(() => expect(orders.events.status().publishing).toBe(true));
  await endRelayConnections(orders);
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(orders, "outbox", isPublished)).toBe(1));
  const [row] = await orders.database.sql`
    select count(*)::int as n from pg_locks
    where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`;
  expect(row?.n).toBe(1);
});

test("an event that the broker refuses holds up its own key alone", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  await orders.database.orm.execute(sql`
    insert into heddle.outbox (event_id, aggregate, aggregate_id, aggregate_version, type, subject, headers, payload)
    values (gen_random_uuid(), 'order', 'large', 0, 'large', 'evt.shop.order.order.OrderPlaced.v1.large', '{}',
      decode(repeat('00', 300000), 'hex'))`);
  await orders.announce(placed("large"), placed("o2"));
  await waitFor(async () => expect(await count(orders, "outbox", isPublished)).toBe(1));
  const waiting = await orders.database.sql`
    select aggregate_id from heddle.outbox where published_at is null order by id`;
  expect(waiting.map((row) => row.aggregate_id)).toEqual(["large", "large"]);
});

test("a stream that exists with other settings stops the start and says how to mend it", async () => {
  await using world = await testWorld();
  await world.stop(await world.orders());
  const other = world.orders({ stream: { maxBytes: 1024 * 1024 } });
  await expect(other).rejects.toThrow(
    /Stream EVT_SHOP_ORDER: max_bytes is 268435456 and should be 1048576\. .*nats stream edit/,
  );
  await expect(other).rejects.toBeInstanceOf(StartError);
});

test("a stream that is gone is created again, for what is announced from then on", async () => {
  await using world = await testWorld();
  const { keys, receive } = recorder();
  const orders = await world.orders();
  const inventory = await world.inventory(receive);
  await waitFor(() => expect(inventory.events.status().waitingFor).not.toContain("shop.order"));
  await world.removeStream("EVT_SHOP_ORDER");
  await orders.announce(placed("o1"));
  await waitFor(() => expect(keys()).toEqual(["o1"]));
});

test("a long outbox that was never analyzed is read and marked by its indexes", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const { sql } = orders.database;
  const work = async () => {
    const [row] = await sql`
      select n_tup_upd::int as marked, seq_tup_read::int as scanned, (
        select idx_tup_read::int from pg_stat_user_indexes where indexrelname = 'outbox_unpublished'
      ) as read from pg_stat_user_tables where relname = 'outbox'`;
    return { marked: row?.marked, scanned: row?.scanned, read: row?.read };
  };
  await sql`alter table heddle.outbox set (autovacuum_enabled = false)`;
  await orders.announce(...Array.from({ length: 10_000 }, (_, n) => placed(`o${n}`)));
  await waitFor(async () => expect((await work()).marked).toBe(10_000));
  const { scanned, read } = await work();
  expect(scanned).toBe(0);
  // Each once when it waits, and again by the next batches until its old entry is dead for all: not all that wait for
  // every batch of 500, which would be 105,000.
  expect(read).toBeLessThan(50_000);
});
