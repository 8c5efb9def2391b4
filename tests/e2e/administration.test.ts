import { afterAll, beforeAll, expect, it } from "vitest";
import { type Customer, demoProduct, newCustomer, signIn, stockOf } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

let shop: TestShop;
let admin: Customer;

beforeAll(async () => {
  shop = await startShop();
  admin = await signIn(shop.http, "admin@heddle.local", "heddle-admin");
});

afterAll(() => shop?.[Symbol.asyncDispose]());

it("adds a product that can be stocked, found and ordered", async () => {
  const { token } = admin;
  const product = {
    name: "Warping paddle",
    category: "garden",
    price: { currencyCode: "EUR", units: "9", nanos: 990_000_000 },
  };
  const created = await shop.http("POST /v1/products", { token, body: product });
  expect(created).toMatchObject({ status: 200, body: { ...product, inStock: false } });
  const { id } = created.body;
  await expect.poll(async () => (await shop.http(`GET /v1/stock/${id}`, { token })).status).toBe(200);
  const adjusted = await shop.http(`POST /v1/stock/${id}:adjust`, { token, body: { delta: 4, reason: "delivery" } });
  expect(adjusted).toMatchObject({ status: 200, body: { productId: id, onHand: 4, reserved: 0, available: 4 } });
  await expect.poll(async () => (await shop.http(`GET /v1/products/${id}`)).body.inStock).toBe(true);
  const found = await shop.http("GET /v1/products?query=warping%20padd&category=garden");
  expect(found.body.products).toMatchObject([{ id }]);
  const ada = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
  const placed = await ada.order([{ productId: id, quantity: 4 }]);
  expect(await ada.settled(placed.body.id)).toMatchObject({ status: "ORDER_STATUS_CONFIRMED" });
  await expect.poll(() => stockOf(admin, id)).toEqual({ onHand: 0, reserved: 0 });
});

it("changes what the body of a PATCH holds, and nothing else", async () => {
  const path = `/v1/products/${demoProduct(3)}` as const;
  const before = (await shop.http(`GET ${path}`)).body;
  const price = { currencyCode: "EUR", units: "1", nanos: 0 };
  const changed = await shop.http(`PATCH ${path}`, { token: admin.token, body: { price } });
  expect(changed.status, JSON.stringify(changed.body)).toBe(200);
  expect(changed.body).toEqual({ ...before, price, updateTime: changed.body.updateTime });
  const me = await shop.http("PATCH /v1/users/me", { token: admin.token, body: { displayName: "The boss" } });
  expect(me).toMatchObject({ status: 200, body: { email: "admin@heddle.local", displayName: "The boss" } });
});

it("refuses customers what is an admin's, and users what is somebody else's", async () => {
  const eve = await newCustomer(shop.http, "eve");
  const { token } = eve;
  const price = { currencyCode: "EUR", units: "1" };
  expect(await shop.http("POST /v1/products", { token, body: { name: "x", category: "books", price } })).toMatchObject({
    status: 403,
  });
  expect(await shop.http(`PATCH /v1/products/${demoProduct(1)}`, { token, body: { price } })).toMatchObject({
    status: 403,
  });
  expect(await shop.http(`GET /v1/users/${admin.id}`, { token })).toMatchObject({ status: 403 });
  expect(await shop.http(`DELETE /v1/users/${admin.id}`, { token })).toMatchObject({ status: 403 });
  expect(await shop.http("PATCH /v1/users/me", { token, body: { roles: ["admin"] } })).toMatchObject({ status: 400 });
});

it("walks through all products page by page, each once", async () => {
  const seen: string[] = [];
  let pageToken = "";
  do {
    const { status, body } = await shop.http(`GET /v1/products?pageSize=5&pageToken=${pageToken}`);
    expect(status).toBe(200);
    seen.push(...body.products.map(({ id }: { id: string }) => id));
    pageToken = body.nextPageToken;
  } while (pageToken);
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.length).toBeGreaterThanOrEqual(24);
  expect(await shop.http("GET /v1/products?pageToken=nonsense")).toMatchObject({ status: 400, body: { code: 3 } });
});

it("ends a session whose refresh token was used twice", async () => {
  const { body: first } = await shop.http("POST /v1/sessions", {
    body: { email: "ada@heddle.local", password: "heddle-demo" },
  });
  const refresh = (refreshToken: string) => shop.http("POST /v1/sessions:refresh", { body: { refreshToken } });
  const second = await refresh(first.refreshToken);
  expect(second).toMatchObject({ status: 200, body: { user: { email: "ada@heddle.local" } } });
  expect(await refresh(first.refreshToken)).toMatchObject({ status: 401, body: { code: 16 } });
  expect(await refresh(second.body.refreshToken)).toMatchObject({ status: 401, body: { code: 16 } });
});
