import { afterAll, beforeAll, expect, it } from "vitest";
import { runHeddle, startHeddle } from "./command-line.ts";
import { type Customer, demoProduct, signIn } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

let shop: TestShop;
let ada: Customer;

beforeAll(async () => {
  shop = await startShop({ PAYMENT_PROVIDER_SLOW_MS: "60s", ORDER_DEADLINE_MS: "5m" });
  ada = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
});

afterAll(() => shop?.[Symbol.asyncDispose]());

/** Runs the command line against the shop. */
function heddle(args: readonly string[], more: Record<string, string> = {}) {
  return runHeddle(args, { ...variables(), ...more });
}

/** What the command line needs to find the shop and to sign in. */
function variables(): Record<string, string> {
  const names = [
    "platform.identity",
    "shop.catalog",
    "shop.inventory",
    "shop.order",
    "shop.payment",
    "shop.shipping",
    "shop.dashboard",
  ];
  const addresses = names.map((name) => [`${name.replace(".", "_").toUpperCase()}_ADDRESS`, shop.address(name)]);
  const common = { HEDDLE_ADMIN_PASSWORD: "heddle-admin", HEDDLE_DATA: shop.dataFolder };
  return { ...common, ...Object.fromEntries(addresses) };
}

it("shows and explains an order that has come to its end", async () => {
  const { body } = await ada.order([{ productId: demoProduct(1), quantity: 1 }]);
  await ada.settled(body.id);
  await ada.payment(body.id, "PAYMENT_STATUS_CAPTURED");
  const why = async () => (await heddle(["sagas", "why", body.id])).out;
  await expect.poll(why).toContain("has come to its end");
  const shown = await heddle(["sagas", "show", body.id]);
  expect(shown).toMatchObject({ code: 0, err: "" });
  expect(shown.out).toMatch(/^shop\.order\s+CONFIRMED \(final\)/m);
  expect(shown.out).toMatch(/^shop\.payment\s+CAPTURED \(final\)/m);
  expect(shown.out).toMatch(/^\S+Z\s+shop\.order\s+NONE → PENDING\s+command PlaceOrder\s+OrderPlaced$/m);
  expect(shown.out).toMatch(
    /^\S+Z\s+\+[\d.]+ m?s\s+shop\.inventory\s+NONE → RESERVED\s+OrderPlaced of shop\.order\s+StockReserved$/m,
  );
  expect(shown.out).toMatch(/shop\.payment\s+AUTHORISING → AUTHORISED\s+call Authorise\s+PaymentAuthorised$/m);
  const times = [...shown.out.matchAll(/^(\S+Z)\s.*→/gm)].map(([, time]) => time);
  expect(times.length).toBeGreaterThan(6);
  expect(times).toEqual(times.toSorted());
  const answers = JSON.parse((await heddle(["sagas", "show", body.id, "--json"])).out);
  expect(answers).toContainEqual(
    expect.objectContaining({
      service: "shop.order",
      moves: expect.arrayContaining([expect.objectContaining({ to: "PENDING" })]),
    }),
  );
  const course = /It took \d+ steps in .+, from command PlaceOrder to \w+ of shop\.\w+ at shop\.shipping/;
  await expect.poll(why).toMatch(course);
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

it("follows the events of all services until Ctrl-C, and tells what was published before", async () => {
  const declined = { paymentMethod: "pm_card_chargeDeclined" };
  const type = ["--type", "shop.order.v1.OrderCancelled"];
  const tail = startHeddle(["events", "tail", ...type, "--from", new Date().toISOString()], variables());
  const { body: first } = await ada.order([{ productId: demoProduct(3), quantity: 1 }], declined);
  await expect.poll(tail.out).toContain(first.id);
  const { body } = await ada.order([{ productId: demoProduct(3), quantity: 1 }], declined);
  await expect.poll(tail.out).toContain(body.id);
  for (const line of tail.out().trim().split("\n")) {
    expect(line).toMatch(/^\S+Z {2}shop\.order#\d+ {2}OrderCancelled {2}\S+ {2}v2 {2}\d+ s$/);
  }
  expect(await tail.interrupt()).toMatchObject({ code: 0, err: "" });

  const past = ["events", "tail", "--service", "shop.order", "--key", body.id, "--from", "0", "--json"];
  const again = startHeddle(past, variables());
  await expect.poll(() => again.out().trim().split("\n").length).toBe(2);
  await again.interrupt();
  const events = again
    .out()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events).toMatchObject([
    { service: "shop.order", type: "shop.order.v1.OrderPlaced", key: body.id, aggregateVersion: "1" },
    { service: "shop.order", type: "shop.order.v1.OrderCancelled", key: body.id, aggregateVersion: "2" },
  ]);
  expect(again.out()).not.toContain("pm_card_chargeDeclined");
});

it("says how far each service is behind", async () => {
  const caughtUp = async () => (await heddle(["events", "backlog"])).out;
  await expect.poll(caughtUp).toMatch(/^shop\.inventory\s+shop\.order\s+0\s+0\s+0\s+0\s+-\s+0$/m);
});

it("says what is missing to verify services with, and no stack trace", async () => {
  const { code, err } = await heddle(["outbox", "status"], { HEDDLE_DATA: "/nowhere" });
  expect(code).toBe(1);
  expect(err).toMatch(/^The certificate \/nowhere\/identity\/ca.crt cannot be used.*\nSet HEDDLE_TLS_CA.*\n$/);
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
