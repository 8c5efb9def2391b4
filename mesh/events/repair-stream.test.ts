import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { expect, test, vi } from "vitest";
import { OrderPlacedSchema } from "#gen/shop/order/v1/order_events_pb.ts";
import { event } from "./event.ts";
import { addStreamLike, consumersOf, deleteMessage, deleteStream } from "./nats/streams.fixture.ts";
import {
  cancelled,
  confirmed,
  count,
  hasStatus,
  isPublished,
  placed,
  recorder,
  type TestService,
  type TestWorld,
  testWorld,
  waitFor,
} from "./world.fixture.ts";

const stream = "EVT_SHOP_ORDER";
const slowly = { timeout: 60_000, interval: 50 };
const keys = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix}${i + 1}`);

async function announce(orders: TestService, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await orders.announce(placed(id));
  }
}

async function allPublished(orders: TestService, n: number): Promise<void> {
  await waitFor(async () => expect(await count(orders, "outbox", isPublished)).toBe(n));
}

async function allDone(inventory: TestService, n: number): Promise<void> {
  await waitFor(async () => expect(await count(inventory, "inbox", hasStatus("done"))).toBe(n));
}

/** Stops the server, changes its data, and starts it again. */
async function whileStopped({ nats }: TestWorld, change: () => Promise<void>): Promise<void> {
  await nats.server.stop();
  await change();
  await nats.server.start();
}

/** Copies the server's data, to be put back later: all of it, or one part. */
async function copyData(world: TestWorld, part = ""): Promise<() => Promise<void>> {
  const folder = join(world.nats.storeFolder, part);
  const copy = `${world.nats.storeFolder}-copy-${part.replaceAll("/", "-")}`;
  await whileStopped(world, () => cp(folder, copy, { recursive: true }));
  return () =>
    whileStopped(world, async () => {
      await rm(folder, { recursive: true });
      await cp(copy, folder, { recursive: true });
    });
}

test("a broker that is put back to older data gets everything that it has lost, and nothing has two effects", async () => {
  await using world = await testWorld();
  const { keys: taken, receive } = recorder();
  const orders = await world.orders();
  const first = await world.inventory(receive);
  await announce(orders, keys("a", 5));
  await allDone(first, 5);
  const putBack = await copyData(world);
  await announce(orders, keys("b", 5));
  await allDone(first, 10);
  await world.stop(first);
  await announce(orders, keys("c", 5));
  await allPublished(orders, 15);
  await putBack();
  const second = await world.inventory(receive);
  await announce(orders, keys("d", 5));
  await allDone(second, 20);
  await allPublished(orders, 20);
  expect(taken().toSorted()).toEqual([...keys("a", 5), ...keys("b", 5), ...keys("c", 5), ...keys("d", 5)]);
});

test("a consumer that is ahead of a stream that was put back misses nothing", async () => {
  await using world = await testWorld();
  const { keys: taken, receive } = recorder();
  const orders = await world.orders();
  const first = await world.inventory(receive);
  await announce(orders, keys("a", 5));
  await allDone(first, 5);
  const putBack = await copyData(world, join("EVENTS", "streams", stream, "msgs"));
  for (const [n, event] of [placed("k"), confirmed("k"), cancelled("k")].entries()) {
    await orders.announce(event);
    await allPublished(orders, 6 + n);
  }
  await allDone(first, 8);
  await world.stop(first);
  await orders.announce(placed("unread"));
  await allPublished(orders, 9);
  // Published as one batch now, "unread" comes to stand before the later events of "k": behind the consumer.
  await putBack();
  const second = await world.inventory(receive);
  await announce(orders, keys("c", 3));
  await allDone(second, 12);
  expect(taken().toSorted()).toEqual([...keys("a", 5), ...keys("c", 3), "k", "k", "k", "unread"]);
  expect(await consumersOf(world.nats.url, stream)).toHaveLength(1);
});

test("a stream that is deleted is filled again with what its consumers have not read", async () => {
  await using world = await testWorld();
  const { keys: taken, receive } = recorder();
  const orders = await world.orders();
  await announce(orders, keys("a", 8));
  await allPublished(orders, 8);
  await deleteStream(world.nats.url, stream);
  await announce(orders, ["b1"]);
  const inventory = await world.inventory(receive);
  await allDone(inventory, 9);
  expect(taken().toSorted()).toEqual([...keys("a", 8), "b1"]);
});

test("a stream that somebody else creates anew is known by its creation", async () => {
  await using world = await testWorld();
  const { keys: taken, receive } = recorder();
  const orders = await world.orders();
  await announce(orders, keys("a", 4));
  await allPublished(orders, 4);
  // Nothing fails: the next event goes to position 1 of the other stream.
  await addStreamLike(world.nats.url, stream);
  await announce(orders, ["b1"]);
  const inventory = await world.inventory(receive);
  await allDone(inventory, 5);
  expect(taken().toSorted()).toEqual([...keys("a", 4), "b1"]);
});

test("messages that are lost from the middle of a stream are published again", async () => {
  await using world = await testWorld();
  const { keys: taken, receive } = recorder();
  const first = await world.orders();
  await announce(first, keys("a", 6));
  await allPublished(first, 6);
  await deleteMessage(world.nats.url, stream, 2);
  await deleteMessage(world.nats.url, stream, 6);
  await world.stop(first);
  const orders = await world.orders();
  await announce(orders, ["b1"]);
  const inventory = await world.inventory(receive);
  await allDone(inventory, 7);
  expect(taken().toSorted()).toEqual([...keys("a", 6), "b1"]);
});

test("messages that a damaged store has lost are published again, whether or not the broker names them", async () => {
  await using world = await testWorld();
  const { keys: taken, receive } = recorder();
  // Small enough for a store of small files, 32 KiB each: about eight of these messages.
  const orders = await world.orders({ stream: { maxBytes: 100_000 } });
  const ids = keys("a", 20);
  for (const orderId of ids) {
    await orders.announce(event(OrderPlacedSchema, { orderId, paymentMethod: "x".repeat(3_000) }));
  }
  await allPublished(orders, 20);
  const messages = join(world.nats.storeFolder, "EVENTS", "streams", stream, "msgs");
  await whileStopped(world, async () => {
    for (const file of await readdir(messages)) {
      if (/^2\./.test(file)) await rm(join(messages, file));
    }
  });
  await announce(orders, ["b1"]);
  const inventory = await world.inventory(receive);
  await allDone(inventory, 21);
  expect(taken().toSorted()).toEqual([...ids, "b1"].toSorted());
  expect(await count(orders, "outbox", sql`republished > 0`)).toBeGreaterThan(1);
});

test("a stream that is right stays as it is", async () => {
  await using world = await testWorld();
  const first = await world.orders();
  const inventory = await world.inventory(recorder().receive);
  await announce(first, keys("a", 6));
  await allDone(inventory, 6);
  await world.stop(first);
  await whileStopped(world, async () => undefined);
  const orders = await world.orders();
  await announce(orders, ["b1"]);
  await allDone(inventory, 7);
  const [row] = await orders.database.sql`
    select sum(republished)::int as republished, max(stream_seq)::int as last from heddle.outbox`;
  expect(row).toEqual({ republished: 0, last: 7 });
});

test("a broker may fall back to older data under load, and again", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const inventory = await world.inventory(async ({ key }, tx) => {
    // A primary key: a second effect would fail, and be seen as a dead letter.
    await tx.execute(sql`insert into heddle.aggregate values ('effect', ${key}, 1)`);
    return "done";
  });
  let over = false;
  const announceOn = async (writer: number) => {
    for (let n = 0; !over; n++) {
      await orders.announce(placed(`${writer}-${n}`));
    }
  };
  const writers = Promise.all([1, 2, 3].map(announceOn));
  const progress = async (more: number) => {
    const before = await count(inventory, "inbox");
    await vi.waitFor(async () => expect(await count(inventory, "inbox")).toBeGreaterThan(before + more), slowly);
  };
  await progress(20);
  const putBack = await copyData(world);
  const putMessagesBack = await copyData(world, join("EVENTS", "streams", stream, "msgs"));
  await progress(100);
  await putBack();
  await progress(100);
  await putMessagesBack();
  await progress(50);
  over = true;
  await writers;
  const announced = await count(orders, "outbox");
  // What the broker had sent when it stopped comes again when its time for an acknowledgement is over: after 30 s.
  await vi.waitFor(async () => expect(await count(inventory, "inbox", hasStatus("done"))).toBe(announced), slowly);
  expect(await count(inventory, "aggregate", sql`aggregate = 'effect'`)).toBe(announced);
  expect(await count(inventory, "dead_letter")).toBe(0);
}, 300_000);
