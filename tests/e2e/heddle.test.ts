import { afterAll, beforeAll, expect, it } from "vitest";
import { runHeddle } from "./command-line.ts";
import { type Customer, demoProduct, signIn } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

let shop: TestShop;
let ada: Customer;

beforeAll(async () => {
  shop = await startShop({ PAYMENT_PROVIDER_SLOW_MS: "60s", ORDER_DEADLINE_MS: "5m" });
  ada = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
}, 60_000);

afterAll(() => shop?.[Symbol.asyncDispose]());

/** Runs the command line against the shop. */
function heddle(args: readonly string[], variables: Record<string, string> = {}) {
  const names = ["platform.identity", "shop.catalog", "shop.inventory", "shop.order", "shop.payment", "shop.shipping"];
  const addresses = names.map((name) => [`${name.replace(".", "_").toUpperCase()}_ADDRESS`, shop.address(name)]);
  return runHeddle(args, { HEDDLE_ADMIN_PASSWORD: "heddle-admin", ...Object.fromEntries(addresses), ...variables });
}

it("shows and explains an order that has come to its end", async () => {
  const { body } = await ada.order([{ productId: demoProduct(1), quantity: 1 }]);
  await ada.settled(body.id);
  await ada.payment(body.id, "PAYMENT_STATUS_CAPTURED");
  const why = async () => (await heddle(["sagas", "why", body.id])).out;
  await expect.poll(why, { timeout: 20_000 }).toContain("has come to its end");
  const shown = await heddle(["sagas", "show", body.id]);
  expect(shown).toMatchObject({ code: 0, err: "" });
  expect(shown.out).toMatch(/^shop\.order\s+CONFIRMED \(final\)/m);
  expect(shown.out).toMatch(/^shop\.payment\s+CAPTURED \(final\)/m);
  const listed = JSON.parse((await heddle(["sagas", "list", "--json"])).out);
  expect(listed).toContainEqual(
    expect.objectContaining({
      service: "shop.order",
      participants: expect.arrayContaining([expect.objectContaining({ key: body.id, state: "CONFIRMED" })]),
    }),
  );
});

it("says what a pending order waits for, since when", async () => {
  const { body } = await ada.order([{ productId: demoProduct(2), quantity: 1 }], { paymentMethod: "pm_card_slow" });
  await ada.payment(body.id, "PAYMENT_STATUS_AUTHORISING");
  const { code, out } = await heddle(["sagas", "why", body.id]);
  expect(out).toContain("shop.order PENDING");
  expect(out).toMatch(/shop\.payment waits since \S+Z \(\d+ s\) for its call \w+/);
  expect(code).toBe(0);
});

it("shows the rest when a service is away", async () => {
  const { code, out, err } = await heddle(["outbox", "status"], { SHOP_CATALOG_ADDRESS: "127.0.0.1:1" });
  expect(code).toBe(1);
  expect(err).toContain("shop.catalog gave no answer");
  expect(out).toMatch(/^shop\.order\s+\d+\s+\S+.*\s+yes\s+connected/m);
});

it("finds no dead letters, refuses to act on all unasked, and tells a failed sign-in", async () => {
  expect(await heddle(["dead-letters", "list"])).toMatchObject({ code: 0, out: "no dead letters\n" });
  const unasked = await heddle(["dead-letters", "replay", "--reason", "mended"]);
  expect(unasked).toMatchObject({ code: 1, err: expect.stringContaining("--all") });
  const stranger = await heddle(["events", "backlog"], { HEDDLE_ADMIN_PASSWORD: "wrong" });
  expect(stranger).toMatchObject({ code: 1, err: expect.stringContaining("cannot sign in as admin@heddle.local") });
});
