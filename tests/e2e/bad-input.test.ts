import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { address, type Customer, demoProduct, signIn } from "./customer.ts";
import { allOrders } from "./invariants.ts";
import { startShop, type TestShop } from "./shop.ts";

let shop: TestShop;
let admin: Customer;
let ada: Customer;

beforeAll(async () => {
  shop = await startShop();
  admin = await signIn(shop.http, "admin@heddle.local", "heddle-admin");
  ada = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
});

afterAll(() => shop?.[Symbol.asyncDispose]());

const item = { productId: demoProduct(1), quantity: 1 };
const order = { items: [item], paymentMethod: "pm_card_visa", shippingAddress: address };

/** Field violations of a google.rpc.Status as "field: description". */
// biome-ignore lint/suspicious/noExplicitAny: the body of an error, as it comes.
function violations(body: any): string[] {
  // biome-ignore lint/suspicious/noExplicitAny: details as they come.
  const badRequest = body.details?.find((detail: any) => detail["@type"].endsWith("google.rpc.BadRequest"));
  // biome-ignore lint/suspicious/noExplicitAny: violations as they come.
  return badRequest?.fieldViolations.map(({ field, description }: any) => `${field}: ${description}`) ?? [];
}

const faulty: [title: string, body: unknown, field: string][] = [
  ["no items", { ...order, items: [] }, "items"],
  ["a quantity of zero", { ...order, items: [{ ...item, quantity: 0 }] }, "items[0].quantity"],
  ["a fraction of a piece", { ...order, items: [{ ...item, quantity: 1.5 }] }, "items"],
  ["a quantity beyond 32 bits", { ...order, items: [{ ...item, quantity: 3e9 }] }, "items"],
  ["a product id that is none", { ...order, items: [{ ...item, productId: "tea" }] }, "items[0].product_id"],
  ["a product twice", { ...order, items: [item, item] }, "items"],
  ["no payment method", { ...order, paymentMethod: "" }, "payment_method"],
  ["no address", { ...order, shippingAddress: undefined }, "shipping_address"],
  [
    "an unknown country form",
    { ...order, shippingAddress: { ...address, country: "UK!" } },
    "shipping_address.country",
  ],
  ["a requestId that is too long", { ...order, requestId: "x".repeat(65) }, "request_id"],
  ["a character that no database stores", { ...order, paymentMethod: "pm\u0000card" }, "payment_method"],
  [
    "such a character further down",
    { ...order, shippingAddress: { ...address, city: "Lon\u0000don" } },
    "shipping_address.city",
  ],
  ["a number where a text belongs", { ...order, paymentMethod: 7 }, "paymentMethod"],
];

describe("a bad order writes nothing and is told why", () => {
  it.each(faulty)("with %s", async (_title, body, field) => {
    const before = (await allOrders(admin)).length;
    const answer = await shop.http("POST /v1/orders", { token: ada.token, body });
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 400, body: { code: 3 } });
    expect(violations(answer.body).join("\n")).toContain(field);
    expect((await allOrders(admin)).length).toBe(before);
  });

  it("with JSON that ends too early", async () => {
    const raw = { contentType: "application/json", text: '{"items": [' };
    const answer = await shop.http("POST /v1/orders", { token: ada.token, raw });
    expect(answer).toMatchObject({ status: 400, body: { code: 3 } });
  });

  it("with a product that does not exist", async () => {
    const answer = await ada.order([{ productId: "01980000-0000-7000-8000-000000009999", quantity: 1 }]);
    expect(answer).toMatchObject({ status: 400, body: { code: 9 } });
    expect(answer.body.details).toContainEqual(
      expect.objectContaining({
        reason: "PRODUCT_NOT_FOUND",
        metadata: { product_id: "01980000-0000-7000-8000-000000009999" },
      }),
    );
  });
});

describe("the edge", () => {
  it("answers 404 for an unknown route", async () => {
    expect(await shop.http("GET /v1/nothing")).toMatchObject({ status: 404, body: { code: 5 } });
  });

  it("answers 405 with Allow for a wrong method", async () => {
    const answer = await shop.http("PUT /v1/orders", { token: ada.token, body: order });
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toMatch(/GET/);
    expect(answer.headers.get("allow")).toMatch(/POST/);
  });

  it("answers 415 for a body that is no JSON", async () => {
    const raw = { contentType: "text/xml", text: "<order/>" };
    expect(await shop.http("POST /v1/orders", { token: ada.token, raw })).toMatchObject({ status: 415 });
  });

  it("answers 413 for a body that is too large", async () => {
    const raw = { contentType: "application/json", text: JSON.stringify({ requestId: "x".repeat(5 * 2 ** 20) }) };
    expect(await shop.http("POST /v1/orders", { token: ada.token, raw })).toMatchObject({ status: 413 });
  });

  it("answers 401 with WWW-Authenticate without a token, and for a token that is none", async () => {
    const missing = await shop.http("POST /v1/orders", { body: order });
    expect(missing).toMatchObject({ status: 401, body: { code: 16 } });
    expect(missing.headers.get("www-authenticate")).toMatch(/^Bearer/);
    const forged = await shop.http("POST /v1/orders", { token: "eyJhbGciOiJub25lIn0.e30.x", body: order });
    expect(forged.status).toBe(401);
    expect(forged.headers.get("www-authenticate")).toContain("invalid_token");
  });

  it("answers 403 to a customer who asks for what is an admin's", async () => {
    const answer = await shop.http(`GET /v1/stock/${demoProduct(1)}`, { token: ada.token });
    expect(answer).toMatchObject({ status: 403, body: { code: 7 } });
  });

  it("does not know methods that only services may call", async () => {
    const answer = await shop.http("POST /shop.catalog.v1.CatalogService/BatchGetProducts", {
      token: admin.token,
      body: { ids: [demoProduct(1)] },
    });
    expect(answer.status).toBe(404);
  });

  it("refuses an unknown query parameter and names the one that was meant", async () => {
    const answer = await shop.http("GET /v1/products?pagesize=3");
    expect(answer).toMatchObject({ status: 400, body: { code: 3 } });
    expect(JSON.stringify(answer.body)).toContain("pageSize");
  });
});
