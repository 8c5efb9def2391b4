import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "#mesh/testing";
import { catalogStocked, demoProduct, newCustomer, signIn } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

let shop: TestShop;

beforeAll(async () => {
  shop = await startShop();
  await catalogStocked(shop.http);
});

afterAll(() => shop?.[Symbol.asyncDispose]());

it("shows a customer who they are, what they ordered and what there is besides", async () => {
  const ada = await newCustomer(shop.http, "ada");
  const { body: order } = await ada.order([{ productId: demoProduct(1), quantity: 1 }]);
  const { status, body } = await shop.http("GET /v1/dashboard", { token: ada.token });
  expect([status, body.missing]).toEqual([200, []]);
  expect(body.profile).toMatchObject({ id: ada.id, displayName: "ada" });
  expect(body.recentOrders.map(({ id }: { id: string }) => id)).toEqual([order.id]);
  expect(body.recommendedProducts).toHaveLength(5);
  for (const { id, inStock } of body.recommendedProducts)
    expect([id === demoProduct(1), inStock]).toEqual([false, true]);
});

it("shows everyone their own orders, an admin too", async () => {
  const admin = await signIn(shop.http, "admin@heddle.local", "heddle-admin");
  const { body } = await shop.http("GET /v1/dashboard", { token: admin.token });
  expect([body.profile.id, body.recentOrders, body.missing]).toEqual([admin.id, [], []]);
});

it("is for those who are signed in", async () => {
  expect((await shop.http("GET /v1/dashboard")).status).toBe(401);
});

it("says what is missing while the catalog cannot be reached, and shows the rest", async () => {
  const nobody = `127.0.0.1:${await freePort()}`;
  await using dark = await startShop({ SHOP_CATALOG_ADDRESS: nobody });
  const ada = await newCustomer(dark.http, "ada");
  const { status, body } = await dark.http("GET /v1/dashboard", { token: ada.token });
  expect([status, body.profile.id, body.recentOrders, body.recommendedProducts]).toEqual([200, ada.id, [], []]);
  expect(body.missing).toEqual([
    {
      part: "DASHBOARD_PART_RECOMMENDED_PRODUCTS",
      code: expect.stringMatching(/^(UNAVAILABLE|DEADLINE_EXCEEDED)$/),
      reason: expect.any(String),
    },
  ]);
}, 120_000);
