import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FaultPoint, faultPoints } from "#mesh/fault";
import { runHeddle } from "../e2e/command-line.ts";
import type { Customer } from "../e2e/customer.ts";
import type { ShopFolder, StartedShop } from "../e2e/started-shop.ts";
import { collect, type Places, unrest } from "./evidence.ts";
import { expectInvariants } from "./invariants.ts";
import { ada, buy, keepBuying } from "./shopping.ts";
import { sendSignal } from "./signals.ts";
import { type ChaosWorld, chaosWorld } from "./world.ts";

/** How a process is brought to a fault point. */
interface Scenario {
  /** Rules besides the crash, which happens at the `passing`-th time. */
  readonly rules?: string;
  readonly passing?: number;
  readonly variables?: Record<string, string>;
  /** Runs before the faults count. */
  prepare?(customer: Customer): Promise<void>;
  /** Makes the process pass the point. What it is in the middle of when the process dies fails, which is no matter. */
  provoke?(customer: Customer, dead: () => boolean): Promise<void>;
}

let world: ChaosWorld;
let replica: ShopFolder;
let shop: StartedShop;
let places: Places;
let initialStock: ReadonlyMap<string, number>;
let putBack: () => Promise<void>;

const names = Object.keys(faultPoints) as FaultPoint[];

const calmEnvironment = { HEDDLE_FAULTS: "", ORDER_DEADLINE_MS: "20s" };

const openLetters = async () => {
  const { services } = await collect(places);
  return [...services.values()].reduce((sum, { deadLetters }) => sum + deadLetters, 0);
};

const letters = (action: "replay" | "discard") =>
  runHeddle(["dead-letters", action, "--all", "--reason", "a test"], replica.environment);

/** Makes a dead letter of an order's first event, which its cancellation then waits behind. */
async function poisonOrder(customer: Customer): Promise<void> {
  const id = await buy(customer, 1);
  await expect.poll(openLetters, { timeout: 30_000 }).toBe(1);
  await customer.http(`POST /v1/orders/${id}:cancel`, { token: customer.token, body: {} });
}

const poisoned = (action: "replay" | "discard"): Scenario => ({
  rules: "inbox.handling=poison@1",
  passing: 1,
  async provoke(customer) {
    await poisonOrder(customer);
    await letters(action);
  },
});

/** Puts the messages of all streams back to where they were some orders ago. Durables are then ahead of them. */
const rolledBack: Scenario = {
  passing: 1,
  async prepare(customer) {
    putBack = await world.nats.copyData("messages");
    await Promise.all(Array.from({ length: 6 }, (_, n) => buy(customer, n)));
    await expect.poll(() => unrest(places), { timeout: 60_000 }).toEqual([]);
  },
  provoke: () => putBack(),
};

const timedOut: Scenario = {
  passing: 1,
  variables: { ORDER_DEADLINE_MS: "200ms" },
  provoke: (customer, dead) => keepBuying(customer, dead, "pm_card_slow"),
};

const scenarios: Partial<Record<FaultPoint, Scenario>> = {
  "dead-letter.committed": { rules: "inbox.handling=poison@1", passing: 1 },
  "dead-letter.terminated": { rules: "inbox.handling=poison@1", passing: 1 },
  "dead-letter.replayed": poisoned("replay"),
  "dead-letter.discarded": poisoned("discard"),
  "parked.claimed": poisoned("replay"),
  "parked.committed": poisoned("replay"),
  "repair.consumer-deleted": rolledBack,
  "repair.rewound": rolledBack,
  "repair.unpublished": rolledBack,
  "timer.locked": timedOut,
  "timer.fired": timedOut,
  "effect.released": { rules: "effect.answered=throw@1", passing: 1 },
};

/** Starts the shop; armed, but not before it is told, when there is a point to crash at. */
async function start(point: FaultPoint | undefined): Promise<void> {
  const { rules = "", passing = 4, variables } = (point && scenarios[point]) ?? {};
  const plan = point ? { HEDDLE_FAULTS: `paused;${rules};${point}=crash@${passing}` } : {};
  Object.assign(replica.environment, calmEnvironment, variables, plan);
  shop = await replica.start();
}

beforeAll(async () => {
  world = await chaosWorld();
  replica = await world.replica();
  places = { postgresUrl: world.postgres.url, natsUrl: world.nats.url };
  await start(names[0]);
  const { stock } = await collect(places);
  initialStock = new Map([...stock].map(([id, { onHand }]) => [id, onHand]));
});

afterAll(() => world?.[Symbol.asyncDispose]());

describe("a process that is killed at", () => {
  it.each(names)("%s loses nothing and doubles nothing", { timeout: 300_000 }, async (point) => {
    const scenario = scenarios[point] ?? {};
    const customer = await ada(shop);
    await scenario.prepare?.(customer);
    let dead = false;
    const died = shop.killed().then(() => {
      dead = true;
    });
    sendSignal(shop.processId, "SIGUSR2");
    const provoke = scenario.provoke ?? keepBuying;
    const provoked = provoke(customer, () => dead).catch(() => undefined);
    await Promise.race([died, neverReached(point, shop)]);
    expect(shop.output()).toContain(`fault: crash at ${point}`);
    await provoked;
    // Paused, so that it recovers first; it is the victim of the next point.
    await start(names[names.indexOf(point) + 1]);
    if ((await openLetters()) > 0) expect(await letters("replay")).toMatchObject({ code: 0 });
    await expectInvariants(places, { initialStock, poison: 0 });
  });
});

/** Rejects when the process is still alive after a while: then nothing has brought it to the point. */
async function neverReached(point: FaultPoint, { output }: StartedShop): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  setTimeout(() => reject(new Error(`nothing passes ${point}:\n${output()}`)), 60_000).unref();
  return promise;
}
