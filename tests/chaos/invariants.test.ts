import { beforeAll, expect, it } from "vitest";
import { demoProduct } from "../e2e/customer.ts";
import { collect, type Evidence, type ServiceEvidence, type ServiceName } from "./evidence.ts";
import { type Expected, expectInvariants, violations } from "./invariants.ts";
import { ada, buy } from "./shopping.ts";
import { chaosWorld } from "./world.ts";

let evidence: Evidence;
let expected: Expected;
let confirmed = "";
let cancelled = "";

beforeAll(async () => {
  await using world = await chaosWorld();
  const places = { postgresUrl: world.postgres.url, natsUrl: world.nats.url };
  const shop = await (await world.replica()).start();
  const { stock } = await collect(places);
  expected = { initialStock: new Map([...stock].map(([id, { onHand }]) => [id, onHand])), poison: 0 };
  const customer = await ada(shop);
  confirmed = (await buy(customer, 1)) ?? "";
  cancelled = (await buy(customer, 2, "pm_card_chargeDeclined")) ?? "";
  evidence = await expectInvariants(places, expected);
}, 180_000);

/** The evidence with one service's part changed. */
function changed(name: ServiceName, change: (found: ServiceEvidence) => Partial<ServiceEvidence>): Evidence {
  const found = evidence.services.get(name);
  if (!found) throw new Error(`nothing was collected of ${name}`);
  return { ...evidence, services: new Map(evidence.services).set(name, { ...found, ...change(found) }) };
}

function inState(name: ServiceName, key: string, state: string): Evidence {
  return changed(name, ({ states }) => ({ states: new Map(states).set(key, { state, at: new Date() }) }));
}

const lies: Record<string, () => Evidence> = {
  "I1 stock": () => ({ ...evidence, stock: new Map(evidence.stock).set(demoProduct(2), { onHand: 1, reserved: 0 }) }),
  "I2 money": () => ({
    ...evidence,
    provider: new Map(evidence.provider).set(cancelled, { status: "CAPTURED", units: "1", nanos: 0 }),
  }),
  "I3 shipments": () => inState("shop.payment", confirmed, "CAPTURING"),
  "I4 ends": () => inState("shop.order", confirmed, "PENDING"),
  "I5 events": () => changed("shop.payment", ({ stream }) => ({ stream: stream.slice(1) })),
  "I6 order": () => changed("shop.order", ({ stream }) => ({ stream: stream.toReversed() })),
  "I7 effects": () => changed("shop.shipping", () => ({ inbox: new Map() })),
  "I8 shipments": () =>
    changed("shop.shipping", ({ outbox }) => ({
      outbox: [...outbox, ...outbox.map((row) => ({ ...row, cause: null }))],
    })),
  "I9 dead letters": () => changed("shop.inventory", () => ({ deadLetters: 1 })),
  "I10 traces": () => changed("shop.inventory", ({ moves }) => ({ moves: moves.slice(1) })),
  "I11 relays": () => changed("shop.order", () => ({ leaders: 2 })),
};

it("finds nothing wrong in what a shop has really done", () => {
  expect(violations(evidence, expected)).toEqual([]);
  expect(evidence.orders.size).toBe(2);
});

it.each(Object.keys(lies))("is broken by a lie: %s", (invariant) => {
  const told = violations(lies[invariant]?.() ?? evidence, expected);
  expect(
    told.some((line) => line.startsWith(`${invariant}:`)),
    told.join("\n"),
  ).toBe(true);
});
