import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFailed } from "vitest";
import { runHeddle } from "../e2e/command-line.ts";
import type { Customer } from "../e2e/customer.ts";
import type { ShopFolder, StartedShop } from "../e2e/started-shop.ts";
import { collect, type Places } from "./evidence.ts";
import { type Blow, decideFate, type Wish } from "./fate.ts";
import { expectInvariants } from "./invariants.ts";
import { ada } from "./shopping.ts";
import { sendSignal } from "./signals.ts";
import { type ChaosWorld, chaosWorld } from "./world.ts";

// Everything that chance decides follows from one seed: what is ordered, how it is paid, who cancels, what breaks and
// after how many orders, and at which passings of which fault points. CHAOS_SEED repeats a run, CHAOS_ORDERS sets its
// length. What the scheduler of the machine does cannot be repeated: two runs of one seed meet the same blows after the
// same orders, but not in the same instruction.
const seed = Number(process.env.CHAOS_SEED ?? randomInt(2 ** 31));
const orders = Number(process.env.CHAOS_ORDERS ?? 300);

const customers = 8;
/** How long what stalls stands still, in milliseconds: longer than the shop waits for a connection. */
const stallMs = 2_500;

/** Shops until every wish is an order. Repeating a request is safe: its id makes it one order. */
async function shopUntilDone(customer: Customer, wishes: Wish[], placed: () => void): Promise<void> {
  const worker = async () => {
    for (let wish = wishes.pop(); wish; wish = wishes.pop()) {
      const { cancel } = wish;
      const id = await insist(() => place(customer, wish));
      placed();
      if (cancel) await insist(() => cancelOrder(customer, id));
    }
  };
  await Promise.all(Array.from({ length: customers }, worker));
}

async function place(customer: Customer, { items, paymentMethod, requestId }: Wish): Promise<string | undefined> {
  const { status, body } = await customer.order(items, { paymentMethod, requestId });
  if (status >= 400 && status < 500 && status !== 429) throw new Error(`refused: ${JSON.stringify(body)}`);
  return status === 200 ? body.id : undefined;
}

async function cancelOrder({ http, token }: Customer, id: string): Promise<boolean | undefined> {
  const { status } = await http(`POST /v1/orders/${id}:cancel`, { token, body: {} });
  // Too late is an answer too.
  return status < 500 ? true : undefined;
}

/** Longest time without an answer that any blow may cause, in milliseconds. */
const patienceMs = 60_000;

/** Asks again until there is an answer: nobody may be there at the moment. */
async function insist<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    if (performance.now() > deadline) throw new Error("the shop has not answered for a minute");
    const late = sleep(patienceMs, undefined, { ref: false });
    const answer = await Promise.race([ask(), late]).catch((error: unknown) => {
      // What fetch throws says that nobody answered; anything else is a fault of the test or the shop.
      if (error instanceof TypeError) return undefined;
      throw error;
    });
    if (answer !== undefined) return answer;
    await sleep(100);
  }
}

/** A shop that blows fall upon. */
interface Ring {
  readonly world: ChaosWorld;
  readonly replica: ShopFolder;
  shop: StartedShop;
  /** The shop that is gone, by a blow or by itself. */
  ended?: StartedShop;
}

/** Starts a shop, and lets its faults begin once it serves: a fault during the start would end every start alike. */
async function startShop(replica: ShopFolder): Promise<StartedShop> {
  const shop = await replica.start();
  if (replica.environment.HEDDLE_FAULTS) sendSignal(shop.processId, "SIGUSR2");
  return shop;
}

async function start(ring: Ring): Promise<void> {
  const shop = await startShop(ring.replica);
  ring.shop = shop;
  void shop.killed().then(() => {
    ring.ended = shop;
  });
}

/** Does what a supervisor does: a shop that has ended by itself, as by an uncaught error, is started again. */
async function supervise(ring: Ring): Promise<void> {
  if (ring.ended !== ring.shop) return;
  console.log(`the shop has ended by itself:\n${ring.shop.output().slice(-3_000)}`);
  await start(ring);
}

async function restart(ring: Ring): Promise<void> {
  ring.shop.kill();
  await ring.shop.killed();
  await start(ring);
}

async function strike(ring: Ring, blow: Blow): Promise<void> {
  const { nats, postgres } = ring.world;
  const pause = () => sleep(stallMs);
  switch (blow) {
    case "kill shop":
      return restart(ring);
    case "kill nats":
      return nats.killAndStart();
    case "kill postgres":
      return postgres.killAndStart();
    case "stall nats":
      return nats.stall(pause);
    case "stall postgres":
      return postgres.stall(pause);
    case "stall shop":
      sendSignal(ring.shop.processId, "SIGSTOP");
      await pause();
      return sendSignal(ring.shop.processId, "SIGCONT");
    case "roll nats back":
    case "roll messages back": {
      const putBack = await nats.copyData(blow === "roll nats back" ? "everything" : "messages");
      await pause();
      return putBack();
    }
  }
}

it(`survives ${orders} orders with the faults of seed ${seed}`, { timeout: 60_000 + orders * 600 }, async () => {
  console.log(`CHAOS_SEED=${seed} CHAOS_ORDERS=${orders}`);
  const fate = decideFate(seed, orders);
  await using world = await chaosWorld();
  const places: Places = { postgresUrl: world.postgres.url, natsUrl: world.nats.url };
  const replica = await world.replica({ HEDDLE_FAULTS: `paused;${fate.plan}`, ORDER_DEADLINE_MS: "20s" });
  const ring: Ring = { world, replica, shop: await startShop(replica) };
  await restart(ring);
  const { stock } = await collect(places);
  const initialStock = new Map([...stock].map(([id, { onHand }]) => [id, onHand]));

  let placed = 0;
  let done = false;
  onTestFailed(() => console.log(`CHAOS_SEED=${seed} CHAOS_ORDERS=${orders}\n${ring.shop.output().slice(-20_000)}`));
  const shopping = shopUntilDone(await ada(ring.shop), fate.wishes.toReversed(), () => placed++);
  for (const { after, blow } of fate.faults) {
    for (; placed < after; await Promise.race([sleep(20), shopping])) await supervise(ring);
    console.log(`after ${placed} orders: ${blow}`);
    await strike(ring, blow);
  }
  const finished = shopping.finally(() => {
    done = true;
  });
  for (; !done; await Promise.race([sleep(20), finished])) await supervise(ring);
  await finished;
  console.log("all orders are placed");

  // The faults are over: a last restart without any, and what was poisoned is taken in after all.
  replica.environment.HEDDLE_FAULTS = "";
  await restart(ring);
  const letters = ["dead-letters", "replay", "--all", "--reason", "the faults are over"];
  expect(await runHeddle(letters, replica.environment)).toMatchObject({ code: 0 });
  const evidence = await expectInvariants(places, { initialStock, poison: 0 });
  expect(evidence.orders.size).toBe(orders);
  const ends = Map.groupBy(evidence.services.get("shop.order")?.states.values() ?? [], ({ state }) => state);
  console.log([...ends].map(([state, { length }]) => `${length} ${state}`).join(", "));
  expect([...ends.keys()].toSorted()).toEqual(["CANCELLED", "CONFIRMED", "REJECTED"]);
});
