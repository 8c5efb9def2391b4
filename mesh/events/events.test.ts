import { sql } from "drizzle-orm";
import { expect, test, vi } from "vitest";
import { type Delivery, PermanentError, type Receive } from "./delivery.ts";
import { cancelled, confirmed, emission, openTransaction, placed, type TestService, testWorld } from "./test-world.ts";

const waitFor = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 15_000, interval: 20 });

/** A handler that remembers what it took in and writes one row for each. */
function recorder() {
  const taken: Delivery[] = [];
  const receive: Receive = async (delivery) => {
    taken.push(delivery);
    return "done";
  };
  return { taken, receive, types: () => taken.map(({ type }) => type.split(".").at(-1)) };
}

const count = async ({ database }: TestService, table: string, where = sql`true`) => {
  const [row] = await database.orm.execute(
    sql`select count(*)::int as n from ${sql.identifier("heddle")}.${sql.identifier(table)} where ${where}`,
  );
  return Number(row?.n);
};

test("an event travels from a transaction to a handler, with its attributes", async () => {
  await using world = await testWorld();
  const { taken, receive } = recorder();
  await world.inventory(receive);
  const orders = await world.orders();
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
  });
  expect(delivery?.headers).toMatchObject({
    "ce-specversion": "1.0",
    "ce-id": delivery?.eventId,
    "ce-source": "shop.order",
    "ce-type": "shop.order.v1.OrderPlaced",
    "ce-subject": "o1",
    "ce-datacontenttype": "application/protobuf",
    "ce-aggversion": "1",
    "ce-correlationid": "o1",
    "ce-traceparent": delivery?.headers.traceparent,
  });
  await waitFor(async () => expect(await count(orders, "outbox", sql`published_at is null`)).toBe(0));
  expect(await count(orders, "outbox", sql`stream_seq = 1`)).toBe(1);
});

test("an event that commits after a higher id is published all the same", async () => {
  await using world = await testWorld();
  const { taken, receive } = recorder();
  await world.inventory(receive);
  const orders = await world.orders();
  const commit = await openTransaction(orders.database, (tx) =>
    orders.events.outbox.append(tx, [emission(placed("low"))]),
  );
  await orders.announce(placed("high"));
  await waitFor(() => expect(taken.map(({ key }) => key)).toEqual(["high"]));
  await commit();
  await waitFor(() => expect(taken.map(({ key }) => key)).toEqual(["high", "low"]));
});

test("events of one aggregate are published in the order of their versions, whoever appends them", async () => {
  await using world = await testWorld();
  const { taken, receive } = recorder();
  await world.inventory(receive);
  const orders = await world.orders();
  const keys = ["a", "b", "c"];
  await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      orders.announce(placed(keys[n % 3] ?? ""), confirmed(keys[(n + 1) % 3] ?? "")),
    ),
  );
  await waitFor(() => expect(taken).toHaveLength(120));
  const rows = await orders.database.sql`
    select aggregate_id, array_agg(aggregate_version::int order by stream_seq) as versions
    from heddle.outbox group by 1 order by 1`;
  expect(rows.map(({ versions }) => versions)).toEqual(keys.map(() => Array.from({ length: 40 }, (_, n) => n + 1)));
});

test("an aborted transaction announces nothing", async () => {
  await using world = await testWorld();
  const { taken, receive } = recorder();
  await world.inventory(receive);
  const orders = await world.orders();
  const aborted = orders.database.transaction(async (tx) => {
    await orders.events.outbox.append(tx, [emission(placed("never"))]);
    throw new Error("no");
  });
  await expect(aborted).rejects.toThrow("no");
  await orders.announce(placed("o2"));
  await waitFor(() => expect(taken.map(({ key }) => key)).toEqual(["o2"]));
});

test("a crash between publishing and marking has one effect", async () => {
  await using world = await testWorld();
  const { taken, receive } = recorder();
  const inventory = await world.inventory(receive);
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(orders, "outbox", sql`published_at is not null`)).toBe(1));
  // Another id at the broker as well: what it would see once its window for repetitions is over.
  await orders.database.sql`update heddle.outbox set published_at = null`;
  await orders.announce(placed("o2"));
  await waitFor(() => expect(taken.map(({ key }) => key)).toEqual(["o1", "o2"]));
  await waitFor(async () => expect(await count(orders, "outbox", sql`published_at is not null`)).toBe(2));
  expect(await count(inventory, "inbox")).toBe(2);
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
  await waitFor(async () => expect(await count(inventory, "inbox", sql`status = 'done'`)).toBe(1));
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
  });
  expect(letter?.error).toContain("cannot digest 17");
  expect(await count(inventory, "inbox", sql`status = 'dead'`)).toBe(1);
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

test("a parked event waits until its key is released, and then runs in order", async () => {
  await using world = await testWorld();
  const taken: string[] = [];
  let open = false;
  const inventory = await world.inventory(async ({ type }) => {
    if (!open && !type.endsWith("OrderPlaced")) {
      return "parked";
    }
    taken.push(type);
    return "done";
  });
  const orders = await world.orders();
  await orders.announce(confirmed("o1"), cancelled("o1"), confirmed("o2"));
  await waitFor(async () => expect(await count(inventory, "inbox", sql`status = 'parked'`)).toBe(3));
  open = true;
  await inventory.database.transaction((tx) => inventory.events.release(tx, ["o1"]));
  await waitFor(async () => expect(await count(inventory, "inbox", sql`status = 'done'`)).toBe(2));
  expect(taken).toEqual(["shop.order.v1.OrderConfirmed", "shop.order.v1.OrderCancelled"]);
  expect(await count(inventory, "parked")).toBe(1);
});

test("a parked event that keeps failing becomes a dead letter", async () => {
  await using world = await testWorld();
  let seen = 0;
  const inventory = await world.inventory(
    async () => {
      seen++;
      if (seen > 1) {
        throw new Error("no");
      }
      return "parked";
    },
    { maxDeliveries: 2 },
  );
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(inventory, "parked")).toBe(1));
  await inventory.database.transaction((tx) => inventory.events.release(tx, ["o1"]));
  await waitFor(async () => expect(await count(inventory, "dead_letter")).toBe(1));
  expect(await count(inventory, "parked")).toBe(0);
  expect(await count(inventory, "inbox", sql`status = 'dead'`)).toBe(1);
});

test("what is announced while taking an event in names it as its cause", async () => {
  await using world = await testWorld();
  const inventory = await world.inventory(async ({ key }, tx) => {
    await inventoryAppend(key, tx);
    return "done";
  });
  const { StockReservedSchema } = await import("#gen/shop/inventory/v1/inventory_events_pb.ts");
  const { event } = await import("./event.ts");
  async function inventoryAppend(orderId: string, tx: Parameters<Receive>[1]) {
    await inventory.events.outbox.append(tx, [emission(event(StockReservedSchema, { orderId }))]);
  }
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(inventory, "outbox", sql`published_at is not null`)).toBe(1));
  const [[caused], [cause]] = await Promise.all([
    inventory.database.sql`select headers from heddle.outbox`,
    orders.database.sql`select headers from heddle.outbox`,
  ]);
  expect(caused?.headers["ce-causationid"]).toBe(cause?.headers["ce-id"]);
  expect(caused?.headers["ce-correlationid"]).toBe("o1");
  expect(caused?.headers.traceparent.slice(0, 35)).toBe(cause?.headers.traceparent.slice(0, 35));
});
