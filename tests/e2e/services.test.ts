import { afterAll, beforeAll, expect, it } from "vitest";
import { createRegistrar, registryBucket } from "#mesh/discovery";
import { maintainConnection, openBucket } from "#mesh/nats";
import { silentLogger } from "#mesh/testing";
import { runHeddle, startHeddle } from "./command-line.ts";
import { signIn } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

const names = [
  ...["platform.identity", "shop.catalog", "shop.dashboard", "shop.inventory", "shop.order", "shop.payment"],
  "shop.shipping",
];
let shop: TestShop;

beforeAll(async () => {
  shop = await startShop({ HEDDLE_VERSION: "1.2.3", HEDDLE_ZONE: "a" });
});

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

/** What the command line needs to know of this shop. */
function environment(): Record<string, string> {
  const addresses = names.map((name) => [`${name.replace(".", "_").toUpperCase()}_ADDRESS`, shop.address(name)]);
  const own = { HEDDLE_ADMIN_PASSWORD: "heddle-admin", HEDDLE_DATA: shop.dataFolder };
  return { ...own, ...Object.fromEntries(addresses) };
}

it("lists them on the command line", async () => {
  const { code, out, err } = await runHeddle(["services", "list"], environment());
  expect({ code, err }).toEqual({ code: 0, err: "" });
  for (const name of names)
    expect(out).toMatch(new RegExp(`^${name}\\s+${shop.address(name)}\\s+serving\\s+1\\.2\\.3`, "m"));
});

it("shows on the command line who comes and goes", async () => {
  const log = silentLogger();
  const connection = maintainConnection({ url: shop.environment.NATS_URL ?? "", name: "guest", log });
  const guest = { service: "shop.guest", address: "127.0.0.1:1", version: "7", zone: "", weight: 1, schemaHash: "" };
  const registrar = createRegistrar(openBucket(connection, registryBucket(1), log), () => guest, log);
  const watching = startHeddle(["services", "watch"], environment());
  const last = () => watching.out().trim().split("\n\n").at(-1);
  await expect.poll(last).toMatch(/^shop\.shipping\s+\S+\s+serving/m);
  expect(last()).not.toContain("shop.guest");
  await connection.start();
  await registrar.start();
  await expect.poll(last).toMatch(/^shop\.guest\s+127\.0\.0\.1:1\s+serving\s+7/m);
  await registrar.stop();
  await expect.poll(last).toMatch(/^shop\.guest\s+127\.0\.0\.1:1\s+draining/m);
  await registrar.removal.stop();
  await expect.poll(last).not.toContain("shop.guest");
  await connection.stop();
  expect((await watching.interrupt()).err).toBe("");
});
