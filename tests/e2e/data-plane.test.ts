import { afterAll, beforeAll, expect, it } from "vitest";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { neighbours } from "../../scripts/neighbours.ts";
import { catalogService } from "../../services/shop/catalog/service.ts";
import { runHeddle } from "./command-line.ts";
import { type Customer, demoProduct, signIn } from "./customer.ts";
import type { Answer } from "./http.ts";
import { startShop, type TestShop } from "./shop.ts";

const names = [
  "platform.identity",
  "shop.catalog",
  "shop.inventory",
  "shop.order",
  "shop.payment",
  "shop.shipping",
  "shop.dashboard",
];
let shop: TestShop;
let ada: Customer;

beforeAll(async () => {
  shop = await startShop({ HEDDLE_TRAFFIC_FAULTS: "true", HEDDLE_VERSION: "v1" });
  ada = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
});

afterAll(() => shop?.[Symbol.asyncDispose]());

/** Runs the command line against the shop. */
function heddle(...args: string[]) {
  return heddleAt((name) => shop.address(name), args);
}

/** Runs it with services at these addresses. */
function heddleAt(addressOf: (name: string) => string, args: readonly string[], more: Record<string, string> = {}) {
  const addresses = names.map((name) => [`${name.replace(".", "_").toUpperCase()}_ADDRESS`, addressOf(name)]);
  const environment = {
    HEDDLE_ADMIN_PASSWORD: "heddle-admin",
    HEDDLE_DATA: shop.dataFolder,
    HEDDLE_GATEWAY_URL: shop.url,
  };
  return runHeddle(args, { ...environment, ...Object.fromEntries(addresses), ...more });
}

it("explains the calls of a request, whoever made them", async () => {
  const placed = await ada.order([{ productId: demoProduct(1), quantity: 1 }]);
  const requestId = placed.headers.get("x-request-id") ?? "";
  const { code, out, err } = await heddle("calls", "explain", requestId);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(
    /^gateway → shop\.order\.v1\.OrderService\/PlaceOrder: OK after [\d.]+ ms of \d+ ms, by endpoint$/m,
  );
  expect(out).toMatch(/^shop\.order → shop\.catalog\.v1\.CatalogService\/BatchGetProducts: OK/m);
  expect(out).toContain(`1. first at ${shop.address("shop.catalog")}`);
  expect(await heddle("calls", "explain", "nobody")).toMatchObject({ code: 1, err: expect.stringContaining("nobody") });
});

it("lists whom everybody calls, and closes breakers", async () => {
  const { out } = await heddle("calls", "targets");
  expect(out).toMatch(
    new RegExp(`^gateway\\s+shop\\.order\\s+closed\\s+[\\d.]+\\s+${shop.address("shop.order")}\\s+serving`, "m"),
  );
  expect((await heddle("calls", "reset", "shop.catalog")).out).toMatch(/closed at .*gateway/);
  expect(await heddle("calls", "reset", "shop.nobody")).toMatchObject({ code: 1 });
});

it("steers traffic while everything runs, and refuses rules that make no sense", async () => {
  const product = () => shop.http(`GET /v1/products/${demoProduct(1)}`);
  const fault = '{"faults": [{"percentage": 100, "abort": "ABORTED", "match": {"users": []}}]}';
  expect(await heddle("traffic", "set", "shop.catalog", fault)).toMatchObject({ code: 0, err: "" });
  await expect.poll(async () => (await product()).status).toBe(409);
  expect(await heddle("traffic", "clear", "shop.catalog")).toMatchObject({ code: 0 });
  await expect.poll(async () => (await product()).status).toBe(200);
  expect((await heddle("traffic", "split", "shop.catalog", "v1=90", "v2=10")).out).toBe("shop.catalog: v1=90 v2=10\n");
  expect(JSON.parse((await heddle("traffic", "show", "shop.catalog")).out)).toMatchObject({
    routes: [
      {
        split: [
          { version: "v1", weight: 90 },
          { version: "v2", weight: 10 },
        ],
      },
    ],
  });
  expect(await heddle("traffic", "split", "shop.catalog", "v1=lots")).toMatchObject({
    code: 1,
    err: expect.stringContaining("v2=10"),
  });
});

it("mirrors traffic, shows that, and ends it", async () => {
  const traffic = (verb: string, ...more: string[]) => heddle("traffic", verb, "shop.order", ...more);
  expect((await traffic("mirror", "v2=2.5")).out).toBe("shop.order: mirrored to v2=2.5 %\n");
  expect(JSON.parse((await traffic("show")).out)).toEqual({ mirrors: [{ version: "v2", percentage: 2.5 }] });
  expect((await traffic("mirror")).out).toBe("shop.order: not mirrored\n");
  expect((await traffic("show")).out).toBe("{}\n");
});

it("asks every replica that has registered", async () => {
  const replica = catalogService(
    readServiceConfig(CatalogService, {
      ...neighbours(shop.environment),
      ...shop.environment,
      SHOP_CATALOG_PORT: "0",
    }),
  );
  await replica.start();
  try {
    const heddle = (...args: string[]) => heddleAt((name) => `mesh:///${name}`, args);
    const replicas = [shop.address("shop.catalog"), replica.address];
    const { out: listed } = await heddle("services", "list");
    for (const address of replicas) expect(listed).toMatch(new RegExp(`^shop\\.catalog\\s+${address}\\s+serving`, "m"));
    // Each has called the service that publishes the keys of tokens, to read the admin's.
    await heddle("calls", "targets");
    const { code, out, err } = await heddle("calls", "targets");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const address of replicas) {
      expect(out).toMatch(new RegExp(`^shop\\.catalog@${address}\\s+heddle\\.identity`, "m"));
    }
    expect(out).toMatch(/^shop\.order\s+heddle\.identity/m);
    const reset = await heddle("calls", "reset", "heddle.identity");
    for (const address of replicas) expect(reset.out).toContain(`shop.catalog@${address}`);
    expect(await heddle("outbox", "status")).toMatchObject({ code: 0, err: "" });
  } finally {
    await replica.stop();
  }
});

it("names services of which nobody has registered, and says so where the gateway cannot be asked", async () => {
  const place = (name: string) => (name === "shop.order" ? "mesh:///shop.nobody" : shop.address(name));
  const nobody = await heddleAt(place, ["calls", "targets"]);
  expect(nobody).toMatchObject({ code: 1, err: expect.stringContaining("no instance of shop.order has registered") });
  const lost = await heddleAt(place, ["calls", "targets"], { HEDDLE_GATEWAY_URL: "http://127.0.0.1:1" });
  expect(lost).toMatchObject({ code: 1, err: expect.stringContaining("Set HEDDLE_GATEWAY_URL") });
});

it("tells admins, and nobody else, in the error of a failed call how it was made", async () => {
  const admin = await signIn(shop.http, "admin@heddle.local", "heddle-admin");
  const fault = '{"faults": [{"percentage": 100, "abort": "ABORTED"}]}';
  expect(await heddle("traffic", "set", "shop.catalog", fault)).toMatchObject({ code: 0 });
  const product = (token?: string) => shop.http(`GET /v1/products/${demoProduct(1)}`, token ? { token } : {});
  const order = (customer: Customer) => customer.order([{ productId: demoProduct(1), quantity: 1 }]);
  const detailsOf = async (answer: Promise<Answer>) =>
    (await answer).body.details?.map((one: Record<string, unknown>) => [one["@type"], one.method, one.decidedBy]);
  const type = "type.googleapis.com/heddle.mesh.v1.CallExplanation";
  const gone = [[type, "shop.catalog.v1.CatalogService/GetProduct", "fault"]];
  await expect.poll(() => detailsOf(product(admin.token))).toEqual(gone);
  // Each caller hears of the rules by itself.
  await expect
    .poll(() => detailsOf(order(admin)))
    .toEqual([
      [type, "shop.catalog.v1.CatalogService/BatchGetProducts", "fault"],
      [type, "shop.order.v1.OrderService/PlaceOrder", "endpoint"],
    ]);
  expect((await product()).status).toBe(409);
  for (const token of [undefined, ada.token, `${admin.token.slice(0, -4)}AAAA`]) {
    expect(await detailsOf(product(token))).toEqual([]);
  }
  expect(await detailsOf(order(ada))).toEqual([]);
  expect(await heddle("traffic", "clear", "shop.catalog")).toMatchObject({ code: 0 });
});

it("lets nobody but admins look or steer", async () => {
  const path = "POST /heddle.mesh.v1.DataPlaneService/ListTargets";
  expect((await shop.http(path, { token: ada.token, body: {} })).status).toBe(403);
  expect((await shop.http(path, { body: {} })).status).toBe(401);
});
