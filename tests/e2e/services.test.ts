import { afterAll, beforeAll, expect, it } from "vitest";
import { runHeddle } from "./command-line.ts";
import { signIn } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

const names = [
  ...["platform.identity", "shop.catalog", "shop.dashboard", "shop.inventory", "shop.order", "shop.payment"],
  "shop.shipping",
];
let shop: TestShop;

beforeAll(async () => {
  shop = await startShop({ HEDDLE_VERSION: "1.2.3", HEDDLE_ZONE: "a" });
}, 60_000);

afterAll(() => shop?.[Symbol.asyncDispose]());

it("tells admins, and nobody else, which services are there", async () => {
  const admin = await signIn(shop.http, "admin@heddle.local", "heddle-admin");
  const ada = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
  const list = () => shop.http("GET /v1/services", { token: admin.token });
  await expect.poll(async () => (await list()).body.services.length).toBe(names.length);
  const { body } = await list();
  expect(body.current).toBe(true);
  expect(body.services.map(({ name }: { name: string }) => name)).toEqual(names);
  for (const { name, instances } of body.services) {
    expect(instances).toEqual([
      expect.objectContaining({
        ...{ address: shop.address(name), state: "INSTANCE_STATE_SERVING", version: "1.2.3", zone: "a", weight: 100 },
        schemaHash: expect.stringMatching(/^[0-9a-f]{16}$/),
      }),
    ]);
  }
  expect((await shop.http("GET /v1/services", { token: ada.token })).status).toBe(403);
  expect((await shop.http("GET /v1/services")).status).toBe(401);
});

it("lists them on the command line", async () => {
  const addresses = names.map((name) => [`${name.replace(".", "_").toUpperCase()}_ADDRESS`, shop.address(name)]);
  const environment = {
    HEDDLE_ADMIN_PASSWORD: "heddle-admin",
    HEDDLE_DATA: shop.dataFolder,
    ...Object.fromEntries(addresses),
  };
  const { code, out, err } = await runHeddle(["services", "list"], environment);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  for (const name of names)
    expect(out).toMatch(new RegExp(`^${name}\\s+${shop.address(name)}\\s+serving\\s+1\\.2\\.3`, "m"));
});
