import { expect, test } from "vitest";
import { cancelled, confirmed, count, hasStatus, placed, testWorld, waitFor } from "./world.fixture.ts";

test("a parked event waits until its key is released, and then runs in order", async () => {
  await using world = await testWorld();
  const taken: string[] = [];
  let open = false;
  const inventory = await world.inventory(async ({ type }) => {
    if (!open) {
      return "parked";
    }
    taken.push(type);
    return "done";
  });
  const orders = await world.orders();
  await orders.announce(confirmed("o1"), cancelled("o1"), confirmed("o2"));
  await waitFor(async () => expect(await count(inventory, "inbox", hasStatus("parked"))).toBe(3));
  open = true;
  await inventory.database.transaction((tx) => inventory.events.release(tx, ["o1"]));
  await waitFor(async () => expect(await count(inventory, "inbox", hasStatus("done"))).toBe(2));
  expect(taken).toEqual(["shop.order.v1.OrderConfirmed", "shop.order.v1.OrderCancelled"]);
  expect(await count(inventory, "parked")).toBe(1);
});

test("an event that is released too early is parked again", async () => {
  await using world = await testWorld();
  let seen = 0;
  const inventory = await world.inventory(async () => {
    seen++;
    return seen < 3 ? "parked" : "done";
  });
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(inventory, "parked")).toBe(1));
  const release = () => inventory.database.transaction((tx) => inventory.events.release(tx, ["o1"]));
  await release();
  await waitFor(() => expect(seen).toBe(2));
  await waitFor(async () => {
    await release();
    expect(await count(inventory, "inbox", hasStatus("done"))).toBe(1);
  });
  expect(await count(inventory, "parked")).toBe(0);
});

test("a release that is rolled back releases nothing", async () => {
  await using world = await testWorld();
  let seen = 0;
  const inventory = await world.inventory(async ({ key }) => {
    seen += key === "o1" ? 1 : 0;
    return "parked";
  });
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(inventory, "parked")).toBe(1));
  const failed = inventory.database.transaction(async (tx) => {
    await inventory.events.release(tx, ["o1"]);
    throw new Error("no");
  });
  await expect(failed).rejects.toThrow("no");
  await orders.announce(placed("o2"));
  await waitFor(async () => expect(await count(inventory, "parked")).toBe(2));
  expect(seen).toBe(1);
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
  expect(await count(inventory, "inbox", hasStatus("dead"))).toBe(1);
});
