import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StartedShop } from "../e2e/started-shop.ts";
import { collect, type Places, unrest } from "./evidence.ts";
import { expectInvariants } from "./invariants.ts";
import { ada, buy, keepBuying } from "./shopping.ts";
import { signalTree } from "./signals.ts";
import { type ChaosWorld, chaosWorld } from "./world.ts";

let world: ChaosWorld;
let shop: StartedShop;
let places: Places;
let initialStock: ReadonlyMap<string, number>;

beforeAll(async () => {
  world = await chaosWorld();
  places = { postgresUrl: world.postgres.url, natsUrl: world.nats.url };
  shop = await (await world.replica({ ORDER_DEADLINE_MS: "60s" })).start();
  const { stock } = await collect(places);
  initialStock = new Map([...stock].map(([id, { onHand }]) => [id, onHand]));
});

afterAll(() => world?.[Symbol.asyncDispose]());

/** Longer than the shop waits for an answer: 2 s for a connection, 5 s for an acknowledgement or a lock. */
const stallMs = 8_000;

/** Lets customers buy before, while and after something bad happens. */
async function whileBuying(fault: () => Promise<void>): Promise<void> {
  let over = false;
  const customer = await ada(shop);
  const before = await ordersPlaced();
  const buying = keepBuying(customer, () => over);
  await expect.poll(ordersPlaced, { timeout: 30_000 }).toBeGreaterThan(before + 6);
  await fault();
  over = true;
  await buying;
  // It serves again, whatever has happened to it.
  await expect.poll(() => buy(customer, 1), { timeout: 60_000 }).toBeTypeOf("string");
}

const ordersPlaced = async () => (await collect(places)).orders.size;

describe("all eleven invariants hold after", () => {
  const faults: Record<string, () => Promise<void>> = {
    "kill -9 of nats-server": () => world.nats.killAndStart(),
    "kill -9 of Postgres": () => world.postgres.killAndStart(),
    // The pauses are the fault itself: nothing is waited for.
    "SIGSTOP of nats-server": () => world.nats.stall(() => sleep(stallMs)),
    "SIGSTOP of Postgres": () => world.postgres.stall(() => sleep(stallMs)),
    "SIGSTOP of the shop": async () => {
      await signalTree(shop.processId, "SIGSTOP");
      await sleep(stallMs);
      await signalTree(shop.processId, "SIGCONT");
    },
  };

  it.each(Object.keys(faults))("%s", { timeout: 300_000 }, async (name) => {
    await whileBuying(async () => faults[name]?.());
    await expectInvariants(places, { initialStock, poison: 0 });
  });

  it.each(["everything", "messages"] as const)(
    "nats-server was started from an older copy of its data (%s)",
    { timeout: 300_000 },
    async (what) => {
      const customer = await ada(shop);
      await Promise.all(Array.from({ length: 4 }, (_, n) => buy(customer, n)));
      await expect.poll(() => unrest(places), { timeout: 60_000 }).toEqual([]);
      const putBack = await world.nats.copyData(what);
      await whileBuying(putBack);
      await expectInvariants(places, { initialStock, poison: 0 });
    },
  );
});
