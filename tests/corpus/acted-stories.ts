import { randomUUID } from "node:crypto";
import { eventually } from "#mesh/testing";
import type { Answer, Http } from "../e2e/http.ts";

/** Who acts. */
export interface Cast {
  readonly http: Http;
  /** Access tokens. */
  readonly admin: string;
  readonly ada: string;
}

/** Something that customers do and what comes of it. */
export interface ActedStory {
  readonly name: string;
  readonly about: string;
  /** Does it, and returns the ids that its events are about. Ends once all that was meant to happen has begun. */
  act(people: Cast): Promise<string[]>;
}

const product = (n: number) => `01980000-0000-7000-8000-${String(n).padStart(12, "0")}`;
/** Of this one there is one piece. */
const lastPiece = product(24);

const shippingAddress = {
  recipient: "Ada Lovelace",
  line1: "12 St James Square",
  city: "London",
  postalCode: "SW1Y 4JH",
  country: "GB",
};

/** Everything that the shop's contracts can announce happens in one of these. */
export const actedStories: readonly ActedStory[] = [
  {
    name: "sold",
    about: "An order is paid and sent.",
    act: (people) => order(people, { productId: product(1), paymentMethod: "pm_card_visa", ends: "CONFIRMED" }),
  },
  {
    name: "declined",
    about: "The payment of the last piece is declined: it is gone, and back again.",
    act: (people) =>
      order(people, { productId: lastPiece, paymentMethod: "pm_card_chargeDeclined", ends: "CANCELLED" }),
  },
  {
    name: "rejected",
    about: "More is ordered than there is.",
    act: (people) =>
      order(people, { productId: lastPiece, quantity: 2, paymentMethod: "pm_card_visa", ends: "REJECTED" }),
  },
  {
    name: "cancelled",
    about: "The customer cancels while the payment is slow.",
    async act(people) {
      const ids = await order(people, { productId: product(2), paymentMethod: "pm_card_slow" });
      const token = people.ada;
      await eventually(() => reached(people.http(`GET /v1/orders/${ids[0]}/payment`, { token }), "AUTHORISING"));
      await done(people.http(`POST /v1/orders/${ids[0]}:cancel`, { token, body: {} }));
      await paymentEnds(people, ids, "VOIDED");
      return ids;
    },
  },
  {
    name: "deadline",
    about: "The payment is slower than the order may wait.",
    async act(people) {
      const method = { productId: product(3), paymentMethod: "pm_card_slow", ends: "CANCELLED" };
      const ids = await order(people, method);
      await paymentEnds(people, ids, "VOIDED");
      return ids;
    },
  },
  {
    name: "product",
    about: "A product is made, changed, and gets stock.",
    async act({ http, admin: token }) {
      const price = { currencyCode: "EUR", units: "12", nanos: 500_000_000 };
      const body = { name: "Shuttle", category: "books", price };
      const { id } = await done(http("POST /v1/products", { token, body }));
      await done(http(`PATCH /v1/products/${id}`, { token, body: { name: "Flying shuttle" } }));
      const adjust = { token, body: { delta: 4, reason: "delivery" } };
      // The stock knows the product as soon as its event has come.
      await eventually(() => done(http(`POST /v1/stock/${id}:adjust`, adjust)));
      return [id];
    },
  },
  {
    name: "account",
    about: "A customer comes, orders, and deletes the account while the payment is slow.",
    async act(people) {
      const { http } = people;
      const login = { email: `carol-${randomUUID()}@example.com`, password: "a long enough password" };
      const user = await done(http("POST /v1/users", { body: { ...login, displayName: "Carol" } }));
      const { accessToken: token } = await done(http("POST /v1/sessions", { body: login }));
      const own = { ...people, ada: token };
      const ids = await order(own, { productId: product(4), paymentMethod: "pm_card_slow" });
      await eventually(() => reached(http(`GET /v1/orders/${ids[0]}/payment`, { token }), "AUTHORISING"));
      await done(http("DELETE /v1/users/me", { token }));
      await paymentEnds(own, ids, "VOIDED");
      return [...ids, user.id];
    },
  },
];

/** Signs the cast in, with the demo data's passwords. */
export async function cast(http: Http): Promise<Cast> {
  const tokenOf = async (email: string, password: string): Promise<string> =>
    (await done(http("POST /v1/sessions", { body: { email, password } }))).accessToken;
  const ada = await tokenOf("ada@heddle.local", "heddle-demo");
  return { http, ada, admin: await tokenOf("admin@heddle.local", "heddle-admin") };
}

interface Wish {
  readonly productId: string;
  readonly quantity?: number;
  readonly paymentMethod: string;
  /** Status to wait for. Default: none. */
  readonly ends?: string;
}

async function order({ http, ada: token }: Cast, wish: Wish): Promise<string[]> {
  const { productId, quantity = 1, paymentMethod, ends } = wish;
  const body = { items: [{ productId, quantity }], paymentMethod, shippingAddress };
  const { id } = await done(http("POST /v1/orders", { token, body }));
  if (ends) await eventually(() => reached(http(`GET /v1/orders/${id}`, { token }), ends), patience);
  return [id];
}

async function paymentEnds({ http, admin: token }: Cast, [id]: readonly string[], status: string): Promise<void> {
  await eventually(() => reached(http(`GET /v1/orders/${id}/payment`, { token }), status), patience);
}

const patience = { timeoutMs: 30_000, intervalMs: 50 };

async function done(call: Promise<Answer>): Promise<Answer["body"]> {
  const { status, body } = await call;
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return body;
}

async function reached(call: Promise<Answer>, status: string): Promise<void> {
  const body = await done(call);
  if (!String(body.status).endsWith(`_${status}`)) throw new Error(`${body.status} instead of ${status}`);
}
