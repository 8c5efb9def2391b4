import { expect, it } from "vitest";
import { eventually } from "#mesh/testing";
import type { Customer } from "../e2e/customer.ts";
import type { StartedShop } from "../e2e/started-shop.ts";
import { collect, type Places } from "./evidence.ts";
import { expectInvariants } from "./invariants.ts";
import { ada, buy, insistOn } from "./shopping.ts";
import { sendSignal } from "./signals.ts";
import { type ChaosWorld, chaosWorld } from "./world.ts";

const patience = { timeout: 120_000, interval: 250 };

async function twoReplicas(world: ChaosWorld, variables: Record<string, string> = {}) {
  const places: Places = { postgresUrl: world.postgres.url, natsUrl: world.nats.url };
  const first = await (await world.replica({ ORDER_DEADLINE_MS: "120s", ...variables })).start();
  const { stock } = await collect(places);
  const initialStock = new Map([...stock].map(([id, { onHand }]) => [id, onHand]));
  const second = await (await world.replica({ ORDER_DEADLINE_MS: "120s", ...variables })).start();
  return { places, initialStock, first, second };
}

async function confirmed(customer: Customer, id: string): Promise<void> {
  const status = async () => (await customer.http(`GET /v1/orders/${id}`, { token: customer.token })).body.status;
  await expect.poll(status, patience).toBe("ORDER_STATUS_CONFIRMED");
}

const buyMany = (customer: Customer, n: number) => Promise.all(Array.from({ length: n }, (_, i) => buy(customer, i)));

/** Stops a replica in the middle of its work. */
async function stallBusy(shop: StartedShop, customer: Customer): Promise<void> {
  const buying = buyMany(customer, 12);
  await buy(customer, 1);
  sendSignal(shop.processId, "SIGSTOP");
  await buying;
}

it("a relay that stands still is succeeded, and does no harm when it comes to life again", async () => {
  await using world = await chaosWorld();
  const { places, initialStock, first, second } = await twoReplicas(world);
  const customer = await ada(second);
  // The first one to start leads.
  await stallBusy(first, customer);
  await confirmed(customer, await insistOn(customer, 3));
  sendSignal(first.processId, "SIGCONT");
  // At first it refuses, since its event loop has been late.
  await expect.poll(async () => (await first.http("GET /v1/products")).status, patience).toBe(200);
  const back = await eventually(() => ada(first), { timeoutMs: 60_000 });
  const numbers = Array.from({ length: 6 }, (_, n) => n);
  const ids = await Promise.all(numbers.flatMap((n) => [insistOn(back, n), insistOn(customer, n)]));
  for (const id of ids) await confirmed(customer, id);
  await expectInvariants(places, { initialStock, poison: 0 });
}, 600_000);

it("duplicated and reordered deliveries, and answers that get lost, at two replicas change nothing but their number", async () => {
  await using world = await chaosWorld();
  // Published twice under another message id, delivered again after the effect, and given back before it.
  const rules = [
    "paused",
    "relay.acknowledged=repeat%0.3",
    "inbox.committed=throw%0.2",
    "inbox.received=throw%0.2",
    "transaction.committed=throw%0.05",
    "effect.answered=throw%0.1",
  ];
  const { places, initialStock, first, second } = await twoReplicas(world, { HEDDLE_FAULTS: rules.join(";") });
  const customers = [await ada(first), await ada(second)];
  // A fault while they start or sign in would end the test, not try the shop.
  for (const { processId } of [first, second]) sendSignal(processId, "SIGUSR2");
  await Promise.all(customers.map((customer) => buyMany(customer, 20)));
  const { services } = await expectInvariants(places, { initialStock, poison: 0 });
  const { outbox, stream } = services.get("shop.order") ?? { outbox: [], stream: [] };
  expect(stream.length).toBeGreaterThan(outbox.length);
}, 600_000);
