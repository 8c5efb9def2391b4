import { connect, type JetStreamManager, type NatsConnection, NatsError } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderAccounts } from "#mesh/nats";
import { natsUsers } from "#mesh/service";
import { readContracts } from "../../scripts/contracts.ts";
import { type Customer, demoProduct, signIn } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

const password = "the same for all in this test";

let shop: TestShop;
let ada: Customer;
const connections: NatsConnection[] = [];

beforeAll(async () => {
  const contracts = await readContracts();
  const accounts = renderAccounts(natsUsers(contracts, ["gateway"]), () => JSON.stringify(password));
  const names = [...contracts.map(({ name }) => name), "gateway"];
  const variables = names.map((name) => [`${name.replace(".", "_").toUpperCase()}_NATS_PASSWORD`, password]);
  shop = await startShop(Object.fromEntries(variables), { accounts });
  ada = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
});

afterAll(async () => {
  for (const connection of connections) await connection.close();
  await shop?.[Symbol.asyncDispose]();
});

/** Connects as a service does, or somebody who has its password. */
async function as(user: string): Promise<NatsConnection> {
  const inboxPrefix = `_INBOX.${user.replaceAll(".", "_")}`;
  const connection = await connect({ servers: shop.environment.NATS_URL ?? "", user, pass: password, inboxPrefix });
  connections.push(connection);
  return connection;
}

async function managerOf(user: string): Promise<JetStreamManager> {
  return (await as(user)).jetstreamManager({ checkAPI: false, timeout: 5_000 });
}

const violation = expect.objectContaining({ code: "PERMISSIONS_VIOLATION" });

async function faultOf(work: Promise<unknown>): Promise<unknown> {
  const fault = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  return fault instanceof NatsError ? fault : { unexpected: fault };
}

it("carries an order to its end with nothing more than each contract needs", async () => {
  const placed = await ada.order([{ productId: demoProduct(1), quantity: 1 }]);
  expect(await ada.settled(placed.body.id)).toMatchObject({ status: "ORDER_STATUS_CONFIRMED" });
  await ada.payment(placed.body.id, "PAYMENT_STATUS_CAPTURED");
  await ada.shipment(placed.body.id, "SHIPMENT_STATUS_CREATED");
  const cancelled = await ada.order([{ productId: demoProduct(2), quantity: 1 }], {
    paymentMethod: "pm_card_chargeDeclined",
  });
  expect(await ada.settled(cancelled.body.id)).toMatchObject({ status: "ORDER_STATUS_CANCELLED" });
});

it("lets every service register, and see the others", async () => {
  const admin = await signIn(shop.http, "admin@heddle.local", "heddle-admin");
  const { body } = await shop.http("GET /v1/services", { token: admin.token });
  expect(JSON.stringify(body)).toContain("shop.shipping");
});

describe("a service", () => {
  it("cannot announce in another's name", async () => {
    const payment = await as("shop.payment");
    const subject = "evt.shop.order.order.OrderConfirmed.v1.1";
    expect(await faultOf(payment.jetstream().publish(subject))).toEqual(violation);
    expect(await faultOf(payment.request("wake.shop.order"))).toEqual(violation);
  });

  it("cannot read what it does not react to", async () => {
    const manager = await managerOf("shop.catalog");
    const config = { durable_name: "spy", filter_subject: "evt.shop.payment.>" };
    expect(await faultOf(manager.consumers.add("EVT_SHOP_PAYMENT", config))).toEqual(violation);
    expect(await faultOf(manager.streams.getMessage("EVT_SHOP_PAYMENT", { seq: 1 }))).toEqual(violation);
    const catalog = await as("shop.catalog");
    for (const subject of ["evt.>", "_INBOX.shop_payment.>", "$JS.API.>", ">"]) {
      const told = Promise.withResolvers<unknown>();
      catalog.subscribe(subject, { callback: (error) => told.resolve(error) });
      expect([subject, await told.promise]).toEqual([subject, violation]);
    }
  });

  it("cannot take another's messages, or its consumers down", async () => {
    const admin = await managerOf("admin");
    const [durable] = await admin.consumers.list("EVT_SHOP_ORDER").next();
    const victim = durable?.name ?? "";
    expect(victim).not.toMatch(/^platform_identity/);
    const identity = await as("platform.identity");
    expect(await faultOf(identity.request(`$JS.API.CONSUMER.MSG.NEXT.EVT_SHOP_ORDER.${victim}`))).toEqual(violation);
    const manager = await managerOf("platform.identity");
    expect(await faultOf(manager.consumers.delete("EVT_SHOP_ORDER", victim))).toEqual(violation);
  });

  it("cannot change or delete a stream, not even its own", async () => {
    const manager = await managerOf("shop.payment");
    for (const stream of ["EVT_SHOP_ORDER", "EVT_SHOP_PAYMENT"]) {
      expect(await faultOf(manager.streams.delete(stream))).toEqual(violation);
      expect(await faultOf(manager.streams.purge(stream))).toEqual(violation);
      const wider = { subjects: ["evt.>"] };
      const update = (await as("shop.payment")).request(`$JS.API.STREAM.UPDATE.${stream}`, JSON.stringify(wider));
      expect(await faultOf(update)).toEqual(violation);
    }
    expect(await faultOf(manager.streams.add({ name: "MINE", subjects: ["evt.>"] }))).toEqual(violation);
  });

  it("cannot make the broker speak for it by a consumer on its own stream", async () => {
    const manager = await managerOf("shop.payment");
    const config = { name: "parrot", deliver_subject: "evt.shop.order.order.OrderConfirmed.v1.1" };
    expect(await faultOf(manager.consumers.add("EVT_SHOP_PAYMENT", config))).toEqual(violation);
  });

  it("cannot register for another, nor read events by way of the registry", async () => {
    const registry = await as("shop.payment@registry");
    const publish = registry.jetstream().publish("$KV.heddle_instances.shop.order.1", "{}");
    expect(await faultOf(publish)).toEqual(violation);
    const parrot = { name: "parrot", deliver_subject: "evt.shop.order.order.OrderConfirmed.v1.1" };
    const manager = await managerOf("shop.payment@registry");
    const admin = await managerOf("admin");
    const before = (await admin.streams.info("EVT_SHOP_ORDER")).state.last_seq;
    // Possible within the registry's own account, where nobody stores or reads it.
    await manager.consumers.add("KV_heddle_instances", parrot).catch(() => undefined);
    expect((await admin.streams.info("EVT_SHOP_ORDER")).state.last_seq).toBe(before);
  });

  it("needs its password", async () => {
    const servers = shop.environment.NATS_URL ?? "";
    await expect(connect({ servers })).rejects.toMatchObject({ code: "AUTHORIZATION_VIOLATION" });
    await expect(connect({ servers, user: "shop.order", pass: "guessed" })).rejects.toMatchObject({
      code: "AUTHORIZATION_VIOLATION",
    });
  });
});
