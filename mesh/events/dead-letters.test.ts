import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import type { DeadLetters } from "./dead-letters.ts";
import { type Delivery, PermanentError } from "./delivery.ts";
import {
  cancelled,
  confirmed,
  count,
  hasStatus,
  placed,
  type TestService,
  type TestWorld,
  testWorld,
  waitFor,
} from "./world.fixture.ts";

const act = { who: "ada", why: "the fix is out" };
const name = ({ key, type }: Delivery) => `${key} ${type.replace(/.*Order/, "")}`;

/** A service that cannot take in what `poison` holds, and remembers what it took in. */
async function choosy(world: TestWorld, ...poison: string[]) {
  const bad = new Set(poison);
  const taken: string[] = [];
  const service = await world.inventory(async (delivery) => {
    if (bad.has(name(delivery))) {
      throw new PermanentError(`cannot digest ${delivery.eventId}`);
    }
    taken.push(name(delivery));
    return "done";
  });
  return { service, taken, bad };
}

function lettersOf({ events }: TestService): DeadLetters {
  if (events.deadLetters === undefined) {
    throw new Error("the service takes nothing in");
  }
  return events.deadLetters;
}

async function onlyLetter(service: TestService): Promise<number> {
  const letters = await lettersOf(service).list();
  expect(letters).toHaveLength(1);
  return letters[0]?.id ?? 0;
}

const status = (service: TestService, status: string, n: number) =>
  waitFor(async () => expect(await count(service, "inbox", hasStatus(status))).toBe(n));

/** An order whose first event is dead, with two that wait, and another order that flows. */
async function blockedOrder(world: TestWorld) {
  const orders = await world.orders();
  const inventory = await choosy(world, "o1 Placed");
  await orders.announce(placed("o1"));
  await status(inventory.service, "dead", 1);
  await orders.announce(confirmed("o1"), cancelled("o1"), placed("o2"));
  await status(inventory.service, "parked", 2);
  await status(inventory.service, "done", 1);
  expect(inventory.taken).toEqual(["o2 Placed"]);
  return { ...inventory, orders, letters: lettersOf(inventory.service), id: await onlyLetter(inventory.service) };
}

test("later events of a dead-lettered key wait, and a replay lets them follow in order", async () => {
  await using world = await testWorld();
  const { service, taken, bad, letters, id } = await blockedOrder(world);
  await service.database.transaction((tx) => service.events.release(tx, ["o1"]));
  expect(await count(service, "parked", sql`due_at = 'infinity'`)).toBe(2);
  bad.clear();
  expect(await letters.replay(id, act)).toEqual({ outcome: "done" });
  await status(service, "done", 4);
  expect(taken).toEqual(["o2 Placed", "o1 Placed", "o1 Confirmed", "o1 Cancelled"]);
  expect(await letters.list()).toEqual([]);
  expect(await letters.show(id)).toMatchObject({ state: "replayed", audit: [{ action: "replayed", ...act }] });
  expect(await letters.replay(id, act)).toEqual({ outcome: "not open" });
  expect(await count(service, "parked")).toBe(0);
});

test("a replay that fails leaves the letter open, with the new error, and what waits behind it", async () => {
  await using world = await testWorld();
  const { service, letters, id } = await blockedOrder(world);
  expect(await letters.replay(id, act)).toMatchObject({
    outcome: "failed",
    error: expect.stringContaining("cannot digest"),
  });
  expect(await letters.show(id)).toMatchObject({ state: "open", deliveries: 2, audit: [{ action: "replay failed" }] });
  expect(await count(service, "parked", sql`due_at = 'infinity'`)).toBe(2);
  expect(await count(service, "inbox", hasStatus("dead"))).toBe(1);
});

test("a letter that is discarded lets what waited behind it go on, and tells who did it and why", async () => {
  await using world = await testWorld();
  const { service, taken, letters, id } = await blockedOrder(world);
  expect(await letters.discard(id, act)).toBe(true);
  await status(service, "done", 3);
  expect(taken).toEqual(["o2 Placed", "o1 Confirmed", "o1 Cancelled"]);
  expect(await letters.discard(id, act)).toBe(false);
  expect(await letters.audit()).toMatchObject([{ deadLetter: id, action: "discarded", ...act }]);
  expect(await letters.list({ state: "discarded" })).toMatchObject([{ id, key: "o1" }]);
});

test("an event that fails behind a replayed one is dead in turn, and holds up the rest", async () => {
  await using world = await testWorld();
  const { service, taken, bad, letters, id } = await blockedOrder(world);
  bad.clear();
  bad.add("o1 Confirmed");
  await letters.replay(id, act);
  await status(service, "dead", 1);
  expect(await count(service, "parked", sql`due_at = 'infinity'`)).toBe(1);
  bad.clear();
  await letters.replay(await onlyLetter(service), act);
  await status(service, "done", 4);
  expect(taken).toEqual(["o2 Placed", "o1 Placed", "o1 Confirmed", "o1 Cancelled"]);
});

test("what comes while the tail of a key is being worked off queues behind it", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const open = Promise.withResolvers<void>();
  const taken: string[] = [];
  let fixed = false;
  const service = await world.inventory(async (delivery) => {
    if (!fixed) {
      throw new PermanentError("not yet");
    }
    if (name(delivery) === "o1 Confirmed") {
      await open.promise;
    }
    taken.push(name(delivery));
    return "done";
  });
  await orders.announce(placed("o1"));
  await status(service, "dead", 1);
  await orders.announce(confirmed("o1"), cancelled("o1"));
  await status(service, "parked", 2);
  fixed = true;
  await lettersOf(service).replay(await onlyLetter(service), act);
  await orders.announce(placed("o1"));
  await status(service, "parked", 3);
  open.resolve();
  await status(service, "done", 4);
  expect(taken).toEqual(["o1 Placed", "o1 Confirmed", "o1 Cancelled", "o1 Placed"]);
});

test("letters are grouped by what their errors have in common, and filtered", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const { service } = await choosy(world, "o1 Placed", "o2 Placed", "o3 Confirmed");
  await orders.announce(placed("o1"), placed("o2"), confirmed("o3"));
  await status(service, "dead", 3);
  const letters = lettersOf(service);
  const [placements, confirmation] = await letters.groups();
  expect(placements).toMatchObject({
    type: "shop.order.v1.OrderPlaced",
    count: 2,
    error: expect.stringContaining("cannot digest"),
  });
  expect(confirmation).toMatchObject({ count: 1, errorHash: placements?.errorHash });
  expect(await letters.list({ key: "o2" })).toMatchObject([{ key: "o2", state: "open" }]);
  expect(await letters.list({ errorHash: "other" })).toEqual([]);
  expect(await letters.list({ since: new Date(Date.now() + 60_000) })).toEqual([]);
  expect(await letters.show(-1)).toBeUndefined();
});

test("a critical event is never given up", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  let attempts = 0;
  const service = await world.inventory(
    async () => {
      attempts++;
      if (attempts <= 3) {
        throw attempts === 1 ? new PermanentError("no") : new Error("no");
      }
      return "done";
    },
    { maxDeliveries: 1, critical: new Set(["shop.order.v1.OrderPlaced"]) },
  );
  await orders.announce(placed("o1"));
  await status(service, "done", 1);
  expect(attempts).toBe(4);
  expect(await lettersOf(service).list()).toEqual([]);
  expect(await lettersOf(service).list({ state: "recovered" })).toMatchObject([{ key: "o1", deliveries: 3 }]);
});

test("a critical event that was parked is never given up either", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  let attempts = 0;
  const service = await world.inventory(
    async () => {
      attempts++;
      if (attempts === 2) {
        throw new PermanentError("no");
      }
      return attempts === 1 ? "parked" : "done";
    },
    { maxDeliveries: 1, critical: (type) => type.endsWith("Placed") },
  );
  await orders.announce(placed("o1"));
  await status(service, "parked", 1);
  await service.database.transaction((tx) => service.events.release(tx, ["o1"]));
  await status(service, "done", 1);
  expect(await lettersOf(service).list()).toEqual([]);
  expect(await lettersOf(service).list({ state: "recovered" })).toMatchObject([{ key: "o1", deliveries: 1 }]);
});

/** A service to which OrderPlaced is critical, and which can never take in the one of o1. */
async function stuckService(world: TestWorld) {
  const orders = await world.orders();
  const attempts: string[] = [];
  const bad = new Set(["o1 Placed"]);
  const service = await world.inventory(
    async (delivery) => {
      attempts.push(name(delivery));
      if (bad.has(name(delivery))) {
        throw new PermanentError(`wrong for ever: ${delivery.eventId}`);
      }
      return "done";
    },
    { critical: new Set(["shop.order.v1.OrderPlaced"]) },
  );
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await lettersOf(service).list()).toHaveLength(1));
  return { orders, service, attempts, bad, letters: lettersOf(service), id: await onlyLetter(service) };
}

/** Waits until the broker has nothing left to deliver, so that nothing is tried again. */
async function settled(world: TestWorld) {
  const broker = await world.broker();
  await waitFor(async () => {
    const backlog = await broker.backlog("EVT_SHOP_ORDER", await world.durableOf("EVT_SHOP_ORDER"));
    expect(backlog).toEqual({ undelivered: 0, unacknowledged: 0, redelivered: 0 });
  });
}

test("a critical event that cannot be taken in is on record while it is tried, and holds up no other", async () => {
  await using world = await testWorld();
  const { orders, service, letters, id } = await stuckService(world);
  expect(await letters.show(id)).toMatchObject({
    ...{ state: "retrying", key: "o1", type: "shop.order.v1.OrderPlaced", audit: [] },
    error: expect.stringContaining("wrong for ever"),
  });
  expect(await letters.groups()).toMatchObject([{ count: 1 }]);
  await orders.announce(confirmed("o1"));
  await status(service, "done", 1);
  await waitFor(async () => expect((await letters.show(id))?.deliveries).toBeGreaterThan(1));
  expect(await count(service, "inbox", hasStatus("dead"))).toBe(0);
});

test("a critical event ends when somebody discards it, with the reason, and is not tried again", async () => {
  await using world = await testWorld();
  const { service, attempts, letters, id } = await stuckService(world);
  expect(await letters.discard(id, act)).toBe(true);
  await settled(world);
  const sofar = attempts.length;
  expect(await letters.show(id)).toMatchObject({ state: "discarded", audit: [{ action: "discarded", ...act }] });
  expect(await letters.list()).toEqual([]);
  expect(await letters.discard(id, act)).toBe(false);
  await world.stop(service);
  expect(attempts).toHaveLength(sofar);
});

test("a critical event that is discarded while its handler runs is not brought back by the failure", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const [running, fail] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let attempts = 0;
  const service = await world.inventory(
    async () => {
      attempts++;
      if (attempts === 2) {
        running.resolve();
        await fail.promise;
      }
      throw new PermanentError("wrong for ever");
    },
    { critical: new Set(["shop.order.v1.OrderPlaced"]) },
  );
  await orders.announce(placed("o1"));
  await running.promise;
  const discarded = lettersOf(service).discard(await onlyLetter(service), act);
  fail.resolve();
  expect(await discarded).toBe(true);
  await settled(world);
  expect(attempts).toBe(2);
  expect(await lettersOf(service).list()).toEqual([]);
});

test("a critical event that is replayed once its handler is mended takes effect once", async () => {
  await using world = await testWorld();
  const { attempts, bad, letters, id, service } = await stuckService(world);
  expect(await letters.replay(id, act)).toMatchObject({ outcome: "failed" });
  expect(await letters.show(id)).toMatchObject({ state: "retrying" });
  attempts.length = 0;
  bad.clear();
  const outcomes = await Promise.all([letters.replay(id, act), letters.replay(id, act)]);
  await settled(world);
  // It may also have gone through by itself a moment before.
  expect(outcomes.filter(({ outcome }) => outcome === "done").length).toBeLessThan(2);
  expect(attempts).toEqual(["o1 Placed"]);
  expect(await letters.list()).toEqual([]);
  expect(await count(service, "inbox", hasStatus("done"))).toBe(1);
});

test("a critical event that was parked can be discarded too", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  let attempts = 0;
  const service = await world.inventory(
    async () => {
      attempts++;
      if (attempts === 1) {
        return "parked";
      }
      throw new PermanentError("wrong for ever");
    },
    { critical: new Set(["shop.order.v1.OrderPlaced"]) },
  );
  await orders.announce(placed("o1"));
  await status(service, "parked", 1);
  await service.database.transaction((tx) => service.events.release(tx, ["o1"]));
  await waitFor(async () => expect(await lettersOf(service).list()).toMatchObject([{ state: "retrying" }]));
  expect(await lettersOf(service).discard(await onlyLetter(service), act)).toBe(true);
  expect(await count(service, "parked")).toBe(0);
  await status(service, "dead", 1);
});
