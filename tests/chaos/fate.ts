import { demoProduct, lastOne } from "../e2e/customer.ts";
import { createRandom, type Random } from "./random.ts";

/** What somebody orders, and what becomes of it as far as the customer has a say. */
export interface Wish {
  readonly requestId: string;
  readonly paymentMethod: string;
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
  /** Whether the customer cancels as soon as the order is placed. */
  readonly cancel: boolean;
}

/** Something bad that happens from outside. */
export type Blow =
  | "kill shop"
  | "kill nats"
  | "kill postgres"
  | "stall shop"
  | "stall nats"
  | "stall postgres"
  | "roll nats back"
  | "roll messages back";

/** A blow, and after how many placed orders it falls. */
export interface Fault {
  readonly after: number;
  readonly blow: Blow;
}

/** Everything that is left to chance. */
export interface Fate {
  readonly wishes: readonly Wish[];
  readonly faults: readonly Fault[];
  /** HEDDLE_FAULTS of the shop. */
  readonly plan: string;
}

const ordersPerFault = 50;

/** Decides everything by one seed. */
export function decideFate(seed: number, orders: number): Fate {
  const random = createRandom(seed);
  const wishes = Array.from({ length: orders }, (_, n) => decideWish(random, `chaos-${seed}-${n}`));
  const faults = Array.from({ length: Math.ceil(orders / ordersPerFault) }, (_, n) => ({
    after: n * ordersPerFault + random.below(ordersPerFault),
    blow: random.pick(blows),
  }));
  return { wishes, faults, plan: `${rules.join(";")};seed=${seed}` };
}

const methods = [
  ["pm_card_visa", 70],
  ["pm_card_slow", 15],
  ["pm_card_chargeDeclined", 12],
  ["pm_unknown", 3],
] as const;

const blows = [
  ["kill shop", 5],
  ["kill nats", 3],
  ["kill postgres", 3],
  ["stall shop", 2],
  ["stall nats", 2],
  ["stall postgres", 2],
  ["roll nats back", 2],
  ["roll messages back", 2],
] as const;

/** What happens inside: lost answers, repetitions, disorder, and events that cannot be taken in. */
const rules = [
  "relay.acknowledged=repeat%0.02",
  "relay.published=throw%0.01",
  "inbox.received=throw%0.03",
  "inbox.handling=poison%0.002",
  "inbox.committed=throw%0.03",
  "transaction.committed=throw%0.005",
  "effect.answered=throw%0.03",
  "effect.claimed=delay:300ms%0.02",
  "timer.fired=throw%0.05",
];

function decideWish(random: Random, requestId: string): Wish {
  const item = () => ({
    // A few want the last piece of something.
    productId: random.next() < 0.04 ? lastOne : demoProduct(1 + random.below(23)),
    quantity: 1 + random.below(4),
  });
  const items = new Map([item(), item()].map((wanted) => [wanted.productId, wanted]));
  return {
    requestId,
    paymentMethod: random.pick(methods),
    items: [...items.values()],
    cancel: random.next() < 0.12,
  };
}
