import { expect } from "vitest";
import { eventually } from "#mesh/testing";
import type { Answer, Http } from "./http.ts";

export const address = {
  recipient: "Ada Lovelace",
  line1: "12 St James Square",
  city: "London",
  postalCode: "SW1Y 4JH",
  country: "GB",
};

/** The n-th product of the demo data, from 1. The 24th has exactly one piece. */
export function demoProduct(n: number): string {
  return `01980000-0000-7000-8000-${String(n).padStart(12, "0")}`;
}

export const lastOne = demoProduct(24);

/** Somebody who is signed in and shops over HTTP. */
export interface Customer {
  readonly id: string;
  readonly token: string;
  readonly http: Http;
  /** Places an order; the answer is the order. */
  order(items: readonly { productId: string; quantity: number }[], more?: object): Promise<Answer>;
  /** Waits until an order has left PENDING and returns it. */
  settled(orderId: string): Promise<Answer["body"]>;
  /** Waits until the payment of an order has reached a status and returns it. */
  payment(orderId: string, status: string): Promise<Answer["body"]>;
  /** Waits until the shipment of an order has reached a status and returns it. */
  shipment(orderId: string, status: string): Promise<Answer["body"]>;
}

/** Signs in. */
export async function signIn(http: Http, email: string, password: string): Promise<Customer> {
  const { status, body } = await http("POST /v1/sessions", { body: { email, password } });
  expect(status, JSON.stringify(body)).toBe(200);
  const token: string = body.accessToken;
  const order: Customer["order"] = (items, more) =>
    http("POST /v1/orders", {
      token,
      body: { items, paymentMethod: "pm_card_visa", shippingAddress: address, ...more },
    });
  return {
    id: body.user.id,
    token,
    http,
    order,
    settled: (orderId) =>
      poll(
        () => http(`GET /v1/orders/${orderId}`, { token }),
        ({ body }) => body.status !== "ORDER_STATUS_PENDING",
      ),
    payment: (orderId, wanted) =>
      poll(
        () => http(`GET /v1/orders/${orderId}/payment`, { token }),
        ({ body }) => body.status === wanted,
      ),
    shipment: (orderId, wanted) =>
      poll(
        () => http(`GET /v1/orders/${orderId}/shipment`, { token }),
        ({ body }) => body.status === wanted,
      ),
  };
}

/** Registers a new customer and signs in. */
export async function newCustomer(http: Http, name: string): Promise<Customer> {
  const email = `${name}-${crypto.randomUUID()}@example.com`;
  const password = "a long enough password";
  const { status, body } = await http("POST /v1/users", { body: { email, password, displayName: name } });
  expect(status, JSON.stringify(body)).toBe(200);
  return signIn(http, email, password);
}

/** The stock of a product, as an admin sees it. */
export async function stockOf(admin: Customer, productId: string): Promise<{ onHand: number; reserved: number }> {
  const { status, body } = await admin.http(`GET /v1/stock/${productId}`, { token: admin.token });
  expect(status, JSON.stringify(body)).toBe(200);
  return { onHand: body.onHand, reserved: body.reserved };
}

/** Waits until the catalog has heard that all demo products are in stock, which it does after the start. */
export async function catalogStocked(http: Http): Promise<void> {
  const inStock = async () => {
    const { products = [] } = (await http("GET /v1/products?pageSize=100")).body;
    return products.filter((product: { inStock: boolean }) => product.inStock).length;
  };
  await eventually(async () => expect(await inStock()).toBe(24), { timeoutMs: 30_000, intervalMs: 50 });
}

async function poll(ask: () => Promise<Answer>, done: (answer: Answer) => boolean): Promise<Answer["body"]> {
  let answer = await ask();
  await expect
    .poll(
      async () => {
        answer = await ask();
        return answer.status === 200 && done(answer) ? "done" : answer.body;
      },
      { timeout: 25_000, interval: 25 },
    )
    .toBe("done");
  return answer.body;
}
