import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { address, type Customer, demoProduct, lastOne, newCustomer, signIn, stockOf } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

let shop: TestShop;
let admin: Customer;
let ada: Customer;

beforeAll(async () => {
  shop = await startShop({ ORDER_DEADLINE_MS: "60s", PAYMENT_PROVIDER_SLOW_MS: "5s" });
  admin = await signIn(shop.http, "admin@heddle.local", "heddle-admin");
  ada = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
});

afterAll(() => shop?.[Symbol.asyncDispose]());

/** Waits until nothing of a product is set aside any more. */
async function atRest(productId: string) {
  await expect.poll(async () => (await stockOf(admin, productId)).reserved).toBe(0);
  return stockOf(admin, productId);
}

describe("an order", () => {
  it("is priced by the catalog, confirmed, taken from the stock, paid and sent", async () => {
    const before = await stockOf(admin, demoProduct(1));
    const product = (await shop.http(`GET /v1/products/${demoProduct(1)}`)).body;
    const placed = await ada.order([{ productId: demoProduct(1), quantity: 2 }]);
    expect(placed).toMatchObject({ status: 200, body: { status: "ORDER_STATUS_PENDING", userId: ada.id } });
    expect(placed.body.items).toEqual([
      { productId: demoProduct(1), name: product.name, quantity: 2, unitPrice: product.price },
    ]);
    const nanos = (money: { units: string; nanos: number }) =>
      BigInt(money.units) * 1_000_000_000n + BigInt(money.nanos);
    expect(nanos(placed.body.total)).toBe(2n * nanos(product.price));
    expect(await ada.settled(placed.body.id)).toMatchObject({
      status: "ORDER_STATUS_CONFIRMED",
      reason: "ORDER_REASON_UNSPECIFIED",
    });
    expect(await ada.payment(placed.body.id, "PAYMENT_STATUS_CAPTURED")).toMatchObject({ amount: placed.body.total });
    await expect
      .poll(() => stockOf(admin, demoProduct(1)))
      .toEqual({ onHand: before.onHand - 2, reserved: before.reserved });
    expect(await ada.shipment(placed.body.id, "SHIPMENT_STATUS_CREATED")).toMatchObject({
      orderId: placed.body.id,
      userId: ada.id,
      shippingAddress: address,
    });
    // A shipment is no further step of the order: whoever asks later finds it confirmed.
    expect((await shop.http(`GET /v1/orders/${placed.body.id}`, { token: ada.token })).body.status).toBe(
      "ORDER_STATUS_CONFIRMED",
    );
  });

  it("is cancelled when the payment is declined, and every piece is back", async () => {
    const before = await stockOf(admin, demoProduct(2));
    const placed = await ada.order([{ productId: demoProduct(2), quantity: 3 }], {
      paymentMethod: "pm_card_chargeDeclined",
    });
    expect(await ada.settled(placed.body.id)).toMatchObject({
      status: "ORDER_STATUS_CANCELLED",
      reason: "ORDER_REASON_PAYMENT_DECLINED",
    });
    expect(await ada.payment(placed.body.id, "PAYMENT_STATUS_DECLINED")).toMatchObject({
      declineCode: "card_declined",
    });
    expect(await atRest(demoProduct(2))).toEqual(before);
    const shipment = await shop.http(`GET /v1/orders/${placed.body.id}/shipment`, { token: ada.token });
    expect(shipment).toMatchObject({ status: 404, body: { code: 5 } });
    expect(shipment.body.details).toContainEqual(
      expect.objectContaining({ reason: "SHIPMENT_NOT_FOUND", domain: "shop.shipping" }),
    );
  });

  it("is rejected when there is not enough, all items or none, and nothing is charged", async () => {
    const [plenty, scarce] = [await stockOf(admin, demoProduct(3)), await stockOf(admin, demoProduct(4))];
    const adjust = { delta: 5 - scarce.onHand, reason: "most of it was lost" };
    await shop.http(`POST /v1/stock/${demoProduct(4)}:adjust`, { token: admin.token, body: adjust });
    const placed = await ada.order([
      { productId: demoProduct(3), quantity: 1 },
      { productId: demoProduct(4), quantity: 6 },
    ]);
    expect(await ada.settled(placed.body.id)).toMatchObject({
      status: "ORDER_STATUS_REJECTED",
      reason: "ORDER_REASON_OUT_OF_STOCK",
    });
    expect(await stockOf(admin, demoProduct(3))).toEqual(plenty);
    const payment = await shop.http(`GET /v1/orders/${placed.body.id}/payment`, { token: ada.token });
    expect(payment).toMatchObject({ status: 404, body: { code: 5 } });
  });

  it("is cancelled by its customer while the payment is slow: money voided, stock back", async () => {
    const before = await stockOf(admin, demoProduct(5));
    const placed = await ada.order([{ productId: demoProduct(5), quantity: 1 }], { paymentMethod: "pm_card_slow" });
    await ada.payment(placed.body.id, "PAYMENT_STATUS_AUTHORISING");
    const cancelled = await shop.http(`POST /v1/orders/${placed.body.id}:cancel`, { token: ada.token, body: {} });
    expect(cancelled).toMatchObject({
      status: 200,
      body: { status: "ORDER_STATUS_CANCELLED", reason: "ORDER_REASON_CANCELLED_BY_CUSTOMER" },
    });
    await ada.payment(placed.body.id, "PAYMENT_STATUS_VOIDED");
    expect(await atRest(demoProduct(5))).toEqual(before);
    const { authorizations } = await shop.provider();
    expect(authorizations).toContainEqual(expect.objectContaining({ reference: placed.body.id, status: "VOIDED" }));
    const again = await shop.http(`POST /v1/orders/${placed.body.id}:cancel`, { token: ada.token, body: {} });
    expect(again).toMatchObject({ status: 200, body: { status: "ORDER_STATUS_CANCELLED" } });
  });

  it("cannot be cancelled once it stands", async () => {
    const placed = await ada.order([{ productId: demoProduct(6), quantity: 1 }]);
    await ada.settled(placed.body.id);
    const refused = await shop.http(`POST /v1/orders/${placed.body.id}:cancel`, { token: ada.token, body: {} });
    expect(refused).toMatchObject({ status: 400, body: { code: 9 } });
    expect(refused.body.details).toContainEqual(
      expect.objectContaining({ reason: "NOT_CANCELLABLE", domain: "shop.order" }),
    );
  });

  it("is placed once for one requestId, also when twenty ask at the same time", async () => {
    const requestId = crypto.randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ada.order([{ productId: demoProduct(7), quantity: 1 }], { requestId })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    const bob = await newCustomer(shop.http, "bob");
    const other = await bob.order([{ productId: demoProduct(7), quantity: 1 }], { requestId });
    expect(other.body.id).not.toBe(answers[0]?.body.id);
  });

  it("is won by exactly one of twenty who want the last piece", async () => {
    const placed = await Promise.all(
      Array.from({ length: 20 }, () => ada.order([{ productId: lastOne, quantity: 1 }])),
    );
    const settled = await Promise.all(placed.map(({ body }) => ada.settled(body.id)));
    expect(settled.filter(({ status }) => status === "ORDER_STATUS_CONFIRMED")).toHaveLength(1);
    expect(settled.filter(({ status }) => status === "ORDER_STATUS_REJECTED")).toHaveLength(19);
    await expect.poll(() => stockOf(admin, lastOne)).toEqual({ onHand: 0, reserved: 0 });
    await expect.poll(async () => (await shop.http(`GET /v1/products/${lastOne}`)).body.inStock).toBe(false);
  });

  it("is cancelled with its customer's account", async () => {
    const carol = await newCustomer(shop.http, "carol");
    const before = await stockOf(admin, demoProduct(8));
    const placed = await carol.order([{ productId: demoProduct(8), quantity: 1 }], { paymentMethod: "pm_card_slow" });
    expect(await shop.http("DELETE /v1/users/me", { token: carol.token })).toMatchObject({ status: 200 });
    const settled = await admin.settled(placed.body.id);
    expect(settled).toMatchObject({ status: "ORDER_STATUS_CANCELLED", reason: "ORDER_REASON_USER_DELETED" });
    expect(await atRest(demoProduct(8))).toEqual(before);
    const late = await carol.order([{ productId: demoProduct(8), quantity: 1 }]);
    expect(late).toMatchObject({ status: 403, body: { code: 7 } });
  });

  it("belongs to its customer: nobody else finds it, an admin does", async () => {
    const dave = await newCustomer(shop.http, "dave");
    const placed = await ada.order([{ productId: demoProduct(9), quantity: 1 }]);
    const path = `/v1/orders/${placed.body.id}` as const;
    expect(await shop.http(`GET ${path}`, { token: dave.token })).toMatchObject({ status: 404, body: { code: 5 } });
    expect(await shop.http(`POST ${path}:cancel`, { token: dave.token, body: {} })).toMatchObject({ status: 404 });
    expect(await shop.http(`GET ${path}/payment`, { token: dave.token })).toMatchObject({ status: 404 });
    await ada.shipment(placed.body.id, "SHIPMENT_STATUS_CREATED");
    expect(await shop.http(`GET ${path}/shipment`, { token: dave.token })).toMatchObject({ status: 404 });
    expect(await shop.http(`GET ${path}/shipment`, { token: admin.token })).toMatchObject({ status: 200 });
    expect(await shop.http(`GET ${path}`)).toMatchObject({ status: 401, body: { code: 16 } });
    expect(await shop.http(`GET ${path}`, { token: admin.token })).toMatchObject({ status: 200 });
    const listed = await shop.http("GET /v1/orders?pageSize=100", { token: dave.token });
    expect(listed.body.orders).toEqual([]);
  });
});
