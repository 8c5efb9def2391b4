import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import type { Contract } from "#mesh/contract";
import { type Delivery, PermanentError, type Receive } from "./delivery.ts";
import {
  cancelled,
  confirmed,
  count,
  hasStatus,
  inventoryContract,
  placed,
  testWorld,
  waitFor,
} from "./world.fixture.ts";

/** The inventory's contract, with every reaction to orders in order. */
const contract: Contract = {
  ...inventoryContract,
  ...(inventoryContract.reactions && {
    reactions: {
      ...inventoryContract.reactions,
      events: inventoryContract.reactions.events.map((reaction) => ({ ...reaction, ordered: true })),
    },
  }),
};
const name = ({ key, type }: Delivery) => `${key} ${type.replace(/.*Order/, "")}`;

/** Fails with each of these events so often, then takes it in. */
function failing(failures: Readonly<Record<string, number>>) {
  const left = new Map(Object.entries(failures));
  const taken: string[] = [];
  const receive: Receive = async (delivery) => {
    const event = name(delivery);
    const more = left.get(event) ?? 0;
    left.set(event, more - 1);
    if (more > 0) {
      throw new Error(`${event} fails ${more} times more`);
    }
    taken.push(event);
    return "done";
  };
  return { taken, receive, ofKey: (key: string) => taken.filter((event) => event.startsWith(`${key} `)) };
}

test("later events of a key wait for one that fails and is tried again, those of other keys do not", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const taken: string[] = [];
  let attempts = 0;
  const service = await world.inventory(
    async (delivery) => {
      if (name(delivery) === "o1 Placed" && (++attempts < 3 || !taken.includes("o2 Cancelled"))) {
        throw new Error("not yet");
      }
      taken.push(name(delivery));
      return "done";
    },
    { contract },
  );
  await orders.announce(placed("o1"), confirmed("o1"), cancelled("o1"), placed("o2"), cancelled("o2"));
  await waitFor(async () => expect(await count(service, "inbox", hasStatus("done"))).toBe(5));
  expect(taken).toEqual(["o2 Placed", "o2 Cancelled", "o1 Placed", "o1 Confirmed", "o1 Cancelled"]);
  expect(await count(service, "parked")).toBe(0);
  expect(await service.events.deadLetters?.list()).toEqual([]);
});

test("two replicas keep the order of every key, whichever of them takes an event in", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const { taken, receive } = failing({ "o1 Confirmed": 1, "o2 Placed": 2, "o4 Cancelled": 1 });
  const replicas = [await world.inventory(receive, { contract }), await world.inventory(receive, { contract })];
  const keys = ["o1", "o2", "o3", "o4"];
  for (const key of keys) await orders.announce(placed(key), confirmed(key), cancelled(key));
  const [first] = replicas;
  await waitFor(async () => expect(first && (await count(first, "inbox", hasStatus("done")))).toBe(12));
  for (const key of keys) {
    expect(taken.filter((event) => event.startsWith(key))).toEqual([
      `${key} Placed`,
      `${key} Confirmed`,
      `${key} Cancelled`,
    ]);
  }
});

test("one that is given up holds up its key until somebody discards it", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const { ofKey, receive } = failing({ "o1 Placed": Number.POSITIVE_INFINITY });
  const service = await world.inventory(receive, { contract, maxDeliveries: 2 });
  await orders.announce(placed("o1"), confirmed("o1"), cancelled("o1"));
  const open = () => service.events.deadLetters?.list({ state: "open" });
  await waitFor(async () => expect(await open()).toMatchObject([{ key: "o1", deliveries: 2 }]));
  await waitFor(async () => expect(await count(service, "parked", sql`due_at = 'infinity'`)).toBe(2));
  const [letter] = (await open()) ?? [];
  await service.events.deadLetters?.discard(letter?.id ?? 0, { who: "ada", why: "a test order" });
  await waitFor(async () => expect(await count(service, "inbox", hasStatus("done"))).toBe(2));
  expect(ofKey("o1")).toEqual(["o1 Confirmed", "o1 Cancelled"]);
});

test("a critical one holds up its key for as long as it fails, on record, and can be discarded meanwhile", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const taken: string[] = [];
  const receive: Receive = async (delivery) => {
    if (name(delivery) === "o1 Placed") {
      throw new PermanentError("wrong for ever");
    }
    taken.push(name(delivery));
    return "done";
  };
  const critical = () => true;
  const service = await world.inventory(receive, { contract, critical });
  await orders.announce(placed("o1"), confirmed("o1"), placed("o2"));
  await waitFor(() => expect(taken).toEqual(["o2 Placed"]));
  const letters = service.events.deadLetters;
  const [letter] = (await letters?.list()) ?? [];
  expect(letter).toMatchObject({ state: "retrying", key: "o1" });
  expect(await letters?.discard(letter?.id ?? 0, { who: "ada", why: "settled by hand" })).toBe(true);
  await waitFor(() => expect(taken).toEqual(["o2 Placed", "o1 Confirmed"]));
});

test("without it, a projection is right in any order by the version of the aggregate", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const late = Promise.withResolvers<void>();
  const arrived: string[] = [];
  const service = await world.inventory(async (delivery, tx) => {
    if (name(delivery) === "o1 Placed" && !arrived.includes("o1 Cancelled")) {
      throw new Error("not yet");
    }
    await tx.execute(sql`
      insert into order_view (id, status, version) values (${delivery.key}, ${delivery.type}, ${delivery.aggregateVersion})
      on conflict (id) do update set status = excluded.status, version = excluded.version
      where excluded.version > order_view.version
    `);
    arrived.push(name(delivery));
    if (arrived.length === 3) {
      late.resolve();
    }
    return "done";
  });
  await service.database.sql`create table order_view (id text primary key, status text, version bigint)`;
  await orders.announce(placed("o1"), confirmed("o1"), cancelled("o1"));
  await late.promise;
  await waitFor(async () => expect(await count(service, "inbox", hasStatus("done"))).toBe(3));
  expect(arrived).toEqual(["o1 Confirmed", "o1 Cancelled", "o1 Placed"]);
  const [view] = await service.database.sql`select status, version::int from order_view`;
  expect(view).toEqual({ status: "shop.order.v1.OrderCancelled", version: 3 });
});
