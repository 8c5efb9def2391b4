import { createFileRegistry, type DescService } from "@bufbuild/protobuf";
import { expect } from "vitest";
import { CatalogReactionService } from "#gen/shop/catalog/reactions/v1/catalog_reactions_pb.ts";
import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { PaymentReactionService } from "#gen/shop/payment/reactions/v1/payment_reactions_pb.ts";
import { ShippingReactionService } from "#gen/shop/shipping/reactions/v1/shipping_reactions_pb.ts";
import { eventually } from "#mesh/testing";
import { buildModel, createCheckTrace, readSystem } from "#mesh/verify";
import { readImage } from "../../scripts/read-image.ts";
import { collect, type Evidence, type Places, type ServiceEvidence, type ServiceName, unrest } from "./evidence.ts";

/** What a test knows besides what is stored. */
export interface Expected {
  /** Pieces of each product before the first order. */
  readonly initialStock: ReadonlyMap<string, number>;
  /** Events that were poisoned and not replayed. */
  readonly poison: number;
}

/** Names what is wrong, one line each; nothing where an invariant holds. */
type Invariant = (evidence: Evidence, expected: Expected) => string[];

/** How long everything may take to come to rest once the faults are over, in milliseconds. */
const patienceMs = 180_000;

/** Waits until nothing is under way any more, and requires all invariants. Returns what was found. */
export async function expectInvariants(places: Places, expected: Expected): Promise<Evidence> {
  await eventually(async () => expect(await unrest(places)).toEqual([]), { timeoutMs: patienceMs, intervalMs: 250 });
  // Deliveries that change nothing leave no other trace than their row in the inbox.
  return eventually(
    async () => {
      const evidence = await collect(places);
      expect(violations(evidence, expected)).toEqual([]);
      return evidence;
    },
    { timeoutMs: 60_000, intervalMs: 500 },
  );
}

/** All that is wrong, each line beginning with the invariant's number. At most ten lines of each. */
export function violations(evidence: Evidence, expected: Expected): string[] {
  return Object.entries(invariants).flatMap(([name, invariant]) =>
    invariant(evidence, expected)
      .slice(0, 10)
      .map((line) => `${name}: ${line}`),
  );
}

/** The invariants by number. */
const invariants: Record<string, Invariant> = {
  "I1 stock": stockIsConserved,
  "I2 money": moneyFollowsOrders,
  "I3 shipments": shippedIsCommittedAndCaptured,
  "I4 ends": everySagaHasEnded,
  "I5 events": streamsHoldTheOutboxes,
  "I6 order": versionsAreGapFree,
  "I7 effects": oneEffectForEachEvent,
  "I8 shipments": oneShipmentForEachOrder,
  "I9 dead letters": deadLettersAreThePoison,
  "I10 traces": tracesArePathsOfTheModel,
  "I11 relays": outboxesAreEmptyAndLedByOne,
};

/** I1: pieces on hand and sold are those of the beginning, and nothing is set aside or missing at rest. */
function stockIsConserved({ stock, reserved, services }: Evidence, { initialStock }: Expected): string[] {
  const inventory = require(services, "shop.inventory");
  const committed = reserved.filter(({ orderId }) => inventory.states.get(orderId)?.state === "COMMITTED");
  return [...initialStock].flatMap(([id, initial]) => {
    const left = stock.get(id);
    const sold = committed.filter(({ productId }) => productId === id).reduce((sum, { quantity }) => sum + quantity, 0);
    if (left?.reserved === 0 && left.onHand >= 0 && left.onHand + sold === initial) return [];
    return [
      `product ${id} began with ${initial}, sold ${sold}, has ${left?.onHand}, of which reserved ${left?.reserved}`,
    ];
  });
}

/** I2: the provider has captured the totals of confirmed orders, and holds nothing for any other. */
function moneyFollowsOrders({ orders, provider, services }: Evidence): string[] {
  const { states } = require(services, "shop.order");
  const wrong = [...orders].filter(([id, total]) => {
    const held = provider.get(id);
    if (states.get(id)?.state !== "CONFIRMED") return held && !["VOIDED", "DECLINED"].includes(held.status);
    return held?.status !== "CAPTURED" || held.units !== total.units || held.nanos !== total.nanos;
  });
  const strangers = [...provider.keys()].filter((reference) => !orders.has(reference));
  return [
    ...wrong.map(([id]) => `order ${id} is ${states.get(id)?.state}, its money is ${provider.get(id)?.status}`),
    ...strangers.map((reference) => `the provider knows ${reference}, which is no order`),
  ];
}

/** I3: what is shipped had left the stock and was paid before. All services share a clock here. */
function shippedIsCommittedAndCaptured({ services }: Evidence): string[] {
  const inventory = require(services, "shop.inventory").states;
  const payment = require(services, "shop.payment").states;
  return [...require(services, "shop.shipping").states].flatMap(([id, { state, at }]) => {
    const [goods, money] = [inventory.get(id), payment.get(id)];
    const right = goods?.state === "COMMITTED" && money?.state === "CAPTURED" && goods.at <= at && money.at <= at;
    return state !== "CREATED" || right ? [] : [`order ${id} was shipped when ${goods?.state} and ${money?.state}`];
  });
}

/** Where the participants stand when an order has come to its end. "" stands for one that never took part. */
const ends: Record<string, Partial<Record<ServiceName, readonly string[]>>> = {
  CONFIRMED: { "shop.inventory": ["COMMITTED"], "shop.payment": ["CAPTURED"], "shop.shipping": ["CREATED"] },
  CANCELLED: {
    "shop.inventory": ["RELEASED", "REJECTED", "CANCELLED_EARLY"],
    "shop.payment": ["VOIDED", "DECLINED", "CANCELLED_EARLY"],
    "shop.shipping": [""],
  },
  REJECTED: { "shop.inventory": ["REJECTED"], "shop.payment": [""], "shop.shipping": [""] },
};

/** I4: every order has ended, and with it everybody who takes part; no timer runs and no call is open. */
function everySagaHasEnded({ orders, services }: Evidence): string[] {
  const { states } = require(services, "shop.order");
  const open = [...services].filter(([, { timers, openEffects, parked }]) => timers + openEffects + parked > 0);
  return [
    ...[...orders.keys()].flatMap((id) => {
      const end = ends[states.get(id)?.state ?? ""];
      if (!end) return [`order ${id} is ${states.get(id)?.state}`];
      const others = Object.entries(end).map(([name, legal]) => {
        const state = services.get(name as ServiceName)?.states.get(id)?.state ?? "";
        return legal.includes(state) ? "" : `order ${id} is ${states.get(id)?.state}, but ${name} is "${state}"`;
      });
      return others.filter((line) => line !== "");
    }),
    ...open.map(([name]) => `${name} has timers, calls or parked events left`),
  ];
}

/** I5: a stream holds the events of its service's outbox, all of them and no other. */
function streamsHoldTheOutboxes({ services }: Evidence): string[] {
  return [...services].flatMap(([name, { outbox, stream }]) => {
    const announced = new Set(outbox.map(({ eventId }) => eventId));
    const streamed = new Set(stream.map(({ eventId }) => eventId));
    return [
      ...[...announced.difference(streamed)].map((id) => `event ${id} of ${name} is not in its stream`),
      ...[...streamed.difference(announced)].map((id) => `event ${id} in the stream of ${name} is not in its outbox`),
    ];
  });
}

/** I6: leaving repetitions aside, the versions of each aggregate are 1, 2, 3 … in the order of the stream. */
function versionsAreGapFree({ services }: Evidence): string[] {
  return [...services].flatMap(([name, { stream }]) => {
    const seen = new Set<string>();
    const versions = new Map<string, number>();
    return stream.flatMap(({ eventId, aggregate, version }) => {
      if (seen.has(eventId)) return [];
      seen.add(eventId);
      const before = versions.get(aggregate) ?? 0;
      versions.set(aggregate, version);
      return version === before + 1 ? [] : [`${aggregate} of ${name}: version ${version} follows ${before}`];
    });
  });
}

const reactions: Partial<Record<ServiceName, DescService>> = {
  "shop.catalog": CatalogReactionService,
  "shop.inventory": InventoryReactionService,
  "shop.order": OrderReactionService,
  "shop.payment": PaymentReactionService,
  "shop.shipping": ShippingReactionService,
};

/** I7: each consumer has taken each of its events in, once; and no event caused the same announcement twice. */
function oneEffectForEachEvent({ services }: Evidence): string[] {
  const streamed = [...services.values()].flatMap(({ stream }) => stream);
  return [...services].flatMap(([name, { inbox, outbox }]) => {
    const wanted = new Set(reactions[name]?.methods.map(({ input }) => input.typeName));
    const missing = streamed.filter(({ eventId, type }) => wanted.has(type) && inbox.get(eventId) === undefined);
    const caused = outbox.filter(({ cause }) => cause !== null);
    const twice = [...Map.groupBy(caused, ({ cause, type, aggregate }) => `${type} of ${aggregate} by ${cause}`)];
    return [
      ...new Set(missing.map(({ eventId, type }) => `${name} has not taken in ${type} ${eventId}`)),
      ...twice.filter(([, rows]) => rows.length > 1).map(([what]) => `${name} announced twice: ${what}`),
    ];
  });
}

const aboutProducts = /\.(StockAdjusted|AvailabilityChanged)$/;

/** I8: an order is shipped once at most, and nothing of the saga is announced twice for an order. */
function oneShipmentForEachOrder({ services }: Evidence): string[] {
  const participants = ["shop.inventory", "shop.order", "shop.payment", "shop.shipping"] as const;
  return participants.flatMap((name) => {
    const { outbox } = require(services, name);
    const announced = outbox.filter(({ type }) => !aboutProducts.test(type));
    const groups = [...Map.groupBy(announced, ({ type, aggregate }) => `${type} of ${aggregate}`)];
    return groups
      .filter(([, rows]) => rows.length > 1)
      .map(([what, rows]) => `${what} was announced ${rows.length} times`);
  });
}

/** I9: nothing is a dead letter but what was poisoned, and behind no letter waits anything when none is open. */
function deadLettersAreThePoison({ services }: Evidence, { poison }: Expected): string[] {
  const open = [...services.values()].reduce((sum, { deadLetters }) => sum + deadLetters, 0);
  return open === poison ? [] : [`${open} dead letters instead of ${poison}`];
}

const system = readSystem(createFileRegistry(await readImage()));
const [checkTrace] = system.sagas.map((saga) => createCheckTrace(buildModel(saga, system.contracts)));

/** I10: the recorded steps of each order, at all services, are a path of the proven model to one of its legal ends. */
function tracesArePathsOfTheModel({ orders, services }: Evidence): string[] {
  const moves = Map.groupBy(
    [...services.values()].flatMap(({ moves }) => moves),
    ({ key }) => key,
  );
  return [...orders.keys()].flatMap((id) => {
    const verdict = checkTrace?.(moves.get(id) ?? []);
    return verdict?.outcome === "complete" ? [] : [`order ${id}: ${JSON.stringify(verdict)}`];
  });
}

/** I11: nothing waits to be published, and nobody publishes beside another. */
function outboxesAreEmptyAndLedByOne({ services }: Evidence): string[] {
  return [...services].flatMap(([name, { outbox, leaders }]) => {
    const waiting = outbox.filter(({ published }) => !published).length;
    return [
      ...(waiting > 0 ? [`${waiting} events of ${name} wait to be published`] : []),
      ...(leaders > 1 ? [`${leaders} relays of ${name} lead`] : []),
    ];
  });
}

function require(services: Evidence["services"], name: ServiceName): ServiceEvidence {
  const found = services.get(name);
  if (!found) throw new Error(`nothing was collected of ${name}`);
  return found;
}
