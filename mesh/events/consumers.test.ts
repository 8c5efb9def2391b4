import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { PermanentError } from "./delivery.ts";
import { count, hasStatus, isPublished, placed, recorder, testWorld, waitFor } from "./world.fixture.ts";

test("an event travels from a transaction to a handler, with its attributes", async () => {
  await using world = await testWorld();
  const { taken, receive } = recorder();
  const orders = await world.orders();
  await world.inventory(receive);
  await orders.announce(placed("o1"));
  await waitFor(() => expect(taken).toHaveLength(1));
  const [delivery] = taken;
  expect(delivery).toMatchObject({
    type: "shop.order.v1.OrderPlaced",
    subject: "evt.shop.order.order.OrderPlaced.v1.o1",
    key: "o1",
    aggregateVersion: 1,
    correlationId: "o1",
    deliveries: 1,
    headers: {
      "ce-specversion": "1.0",
      "ce-id": delivery?.eventId,
      "ce-source": "shop.order",
      "ce-type": "shop.order.v1.OrderPlaced",
      "ce-subject": "o1",
      "ce-datacontenttype": "application/protobuf",
      "ce-aggversion": "1",
      "ce-correlationid": "o1",
      "ce-traceparent": delivery?.headers.traceparent,
    },
  });
});

test("a consumer waits for a stream that does not exist yet", async () => {
  await using world = await testWorld();
  const { keys, receive } = recorder();
  const inventory = await world.inventory(receive);
  expect(inventory.events.status().waitingFor).toEqual(["shop.order", "shop.catalog"]);
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(() => expect(keys()).toEqual(["o1"]));
});

test("an event that the stream holds twice has one effect", async () => {
  await using world = await testWorld();
  const { keys, receive } = recorder();
  const orders = await world.orders();
  const inventory = await world.inventory(receive);
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(orders, "outbox", isPublished)).toBe(1));
  const [row] = await orders.database.sql`select subject, headers, payload from heddle.outbox`;
  const broker = await world.broker();
  const again = { stream: "EVT_SHOP_ORDER", subject: row?.subject, headers: row?.headers, payload: row?.payload };
  expect(await broker.publish({ ...again, messageId: "another" })).toEqual({ sequence: 2 });
  await orders.announce(placed("o2"));
  // A handler is told before its transaction has ended.
  await waitFor(async () => expect(await count(inventory, "inbox", hasStatus("done"))).toBe(2));
  expect(keys().toSorted()).toEqual(["o1", "o2"]);
});

test("what a failing handler wrote is undone, and the event comes again", async () => {
  await using world = await testWorld();
  let attempts = 0;
  const inventory = await world.inventory(async (_, tx) => {
    attempts++;
    await tx.execute(sql`insert into heddle.aggregate values ('test', ${`attempt ${attempts}`}, 0)`);
    if (attempts === 1) {
      throw new Error("not yet");
    }
    return "done";
  });
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(inventory, "inbox", hasStatus("done"))).toBe(1));
  const rows = await inventory.database.sql`select id from heddle.aggregate`;
  expect(rows.map(({ id }) => id)).toEqual(["attempt 2"]);
});

test("an event that fails too often becomes a dead letter, and others flow on", async () => {
  await using world = await testWorld();
  const taken: string[] = [];
  const inventory = await world.inventory(
    async ({ key }) => {
      taken.push(key);
      if (key === "poison") {
        throw new Error("cannot digest 17");
      }
      return "done";
    },
    { maxDeliveries: 2 },
  );
  const orders = await world.orders();
  await orders.announce(placed("poison"), placed("o2"));
  await waitFor(async () => expect(await count(inventory, "dead_letter")).toBe(1));
  expect(taken.toSorted()).toEqual(["o2", "poison", "poison"]);
  const [letter] = await inventory.database.sql`select * from heddle.dead_letter`;
  expect(letter).toMatchObject({
    consumer: "shop.inventory",
    key: "poison",
    type: "shop.order.v1.OrderPlaced",
    stream: "EVT_SHOP_ORDER",
    deliveries: 2,
    state: "open",
    error: expect.stringContaining("cannot digest 17"),
  });
  expect(await count(inventory, "inbox", hasStatus("dead"))).toBe(1);
});

test("an event that can never succeed becomes a dead letter at once", async () => {
  await using world = await testWorld();
  let attempts = 0;
  const inventory = await world.inventory(async () => {
    attempts++;
    throw new PermanentError("unknown product");
  });
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(inventory, "dead_letter", sql`deliveries = 1`)).toBe(1));
  expect(attempts).toBe(1);
});

test("a message that is no event becomes a dead letter", async () => {
  await using world = await testWorld();
  const { keys, receive } = recorder();
  await world.orders();
  const inventory = await world.inventory(receive);
  const broker = await world.broker();
  await broker.publish({
    ...{ stream: "EVT_SHOP_ORDER", subject: "evt.shop.order.order.OrderPlaced.v1.x", messageId: "x" },
    ...{ headers: {}, payload: new Uint8Array([1, 2]) },
  });
  await waitFor(async () => expect(await count(inventory, "dead_letter", sql`error like '%not an event%'`)).toBe(1));
  expect(keys()).toEqual([]);
});

test("a database that goes away does not use up an event's deliveries", async () => {
  await using world = await testWorld();
  const deliveries: number[] = [];
  const inventory = await world.inventory(
    async (delivery, tx) => {
      deliveries.push(delivery.deliveries);
      if (deliveries.length === 1) {
        const [own] = await tx.execute(sql`select pg_backend_pid() as pid`);
        await inventory.database.sql`select pg_terminate_backend(${Number(own?.pid)})`;
        await tx.execute(sql`select 1`);
      }
      return "done";
    },
    { maxDeliveries: 1 },
  );
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(inventory, "inbox", hasStatus("done"))).toBe(1));
  expect(deliveries).toEqual([1, 1]);
});

test("stopping lets a running handler finish and leaves the rest to the next start", async () => {
  await using world = await testWorld();
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const hanging = async () => {
    begun.resolve();
    await finish.promise;
    return "done" as const;
  };
  // A server that has nobody else to send to may send one of the messages after the request that was given up (seen on
  // 2.9.10): that one comes when its time for an acknowledgement is over.
  const ackWaitMs = 3_000;
  const first = await world.inventory(hanging, { ackWaitMs });
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await orders.announce(...Array.from({ length: 20 }, () => placed("o1")));
  await begun.promise;
  const broker = await world.broker();
  await waitFor(async () => {
    expect(await count(orders, "outbox", isPublished)).toBe(21);
    const backlog = await broker.backlog("EVT_SHOP_ORDER", await world.durableOf("EVT_SHOP_ORDER"));
    expect(backlog.undelivered).toBe(0);
  });
  const stopped = world.stop(first);
  finish.resolve();
  await stopped;
  const { taken, receive } = recorder();
  const second = await world.inventory(receive, { ackWaitMs });
  await waitFor(async () => expect(await count(second, "inbox", hasStatus("done"))).toBe(21));
  expect(taken).toHaveLength(20);
});
