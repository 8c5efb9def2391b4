import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { afterAll, expect, test } from "vitest";
import { StockCommittedSchema } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { PaymentCapturedSchema } from "#gen/shop/payment/v1/payment_events_pb.ts";
import { ShipmentCreatedSchema } from "#gen/shop/shipping/v1/shipping_events_pb.ts";
import { ShipmentStatus, ShippingService } from "#gen/shop/shipping/v1/shipping_service_pb.ts";
import { eventually } from "#mesh/testing";
import { someUser, testMesh } from "../mesh.fixture.ts";
import { inventoryEvents, paymentEvents, repeater } from "./neighbours.fixture.ts";
import { shippingService } from "./service.ts";

const mesh = await testMesh();
const [inventory, payment] = await Promise.all([mesh.announcer(inventoryEvents), mesh.announcer(paymentEvents)]);
const repeatStock = await repeater(mesh, "shop.inventory");
const repeatPayment = await repeater(mesh, "shop.payment");
const service = await mesh.start(shippingService(mesh.config(ShippingService)));
const client = await mesh.client(ShippingService, service.address);
const inside = await mesh.inside("shop.shipping");
const customer = someUser();
const shippingAddress = {
  recipient: "Ada Lovelace",
  line1: "12 St James Square",
  line2: "Second floor",
  city: "London",
  postalCode: "SW1Y 4JH",
  country: "GB",
};

afterAll(() => mesh[Symbol.asyncDispose]());

const commitStock = (orderId: string) =>
  inventory(StockCommittedSchema, { orderId, userId: customer.id, shippingAddress });

const capturePayment = (orderId: string) =>
  payment(PaymentCapturedSchema, { orderId, userId: customer.id, amount: { currencyCode: "EUR", units: 12n } });

/** Waits until the shipment of an order has come to a state. */
async function reaches(orderId: string, state: string): Promise<void> {
  await eventually(async () => expect(await inside.state(orderId)).toBe(state));
}

async function shipmentOf(orderId: string) {
  return (await client.getShipment({ orderId }, await mesh.as(customer))).shipment;
}

async function announcedFor(orderId: string) {
  return (await inside.announced(ShipmentCreatedSchema)).filter((event) => event.orderId === orderId);
}

test("items that leave the stock wait for the payment, then they are sent", async () => {
  const orderId = randomUUID();
  await commitStock(orderId);
  await reaches(orderId, "WAITING_FOR_PAYMENT");
  const waiting = await shipmentOf(orderId);
  expect(waiting).toMatchObject({ status: ShipmentStatus.WAITING_FOR_PAYMENT, userId: customer.id, shippingAddress });
  expect(await announcedFor(orderId)).toEqual([]);

  await capturePayment(orderId);
  await reaches(orderId, "CREATED");
  const created = await shipmentOf(orderId);
  expect(created).toMatchObject({ orderId, status: ShipmentStatus.CREATED, shippingAddress });
  expect(created?.createTime).toEqual(waiting?.createTime);
  expect(await announcedFor(orderId)).toMatchObject([{ userId: customer.id }]);
});

test("a payment waits for the items, which bring the address along", async () => {
  const orderId = randomUUID();
  await capturePayment(orderId);
  await reaches(orderId, "WAITING_FOR_STOCK");
  const waiting = await shipmentOf(orderId);
  expect(waiting).toMatchObject({ status: ShipmentStatus.WAITING_FOR_STOCK, userId: customer.id });
  expect(waiting?.shippingAddress).toBeUndefined();
  expect(await announcedFor(orderId)).toEqual([]);

  await commitStock(orderId);
  await reaches(orderId, "CREATED");
  expect(await shipmentOf(orderId)).toMatchObject({ status: ShipmentStatus.CREATED, shippingAddress });
  expect(await announcedFor(orderId)).toMatchObject([{ userId: customer.id }]);
});

test("each order is sent once, also when both events arrive at the same time", async () => {
  const orderIds = Array.from({ length: 20 }, () => randomUUID());
  await Promise.all(orderIds.flatMap((orderId) => [commitStock(orderId), capturePayment(orderId)]));
  for (const orderId of orderIds) await reaches(orderId, "CREATED");
  for (const orderId of orderIds) {
    expect(await announcedFor(orderId)).toMatchObject([{ userId: customer.id }]);
    expect(await shipmentOf(orderId)).toMatchObject({ shippingAddress });
  }
});

test.each([
  { first: "stock", announce: commitStock, repeat: repeatStock, other: capturePayment },
  { first: "payment", announce: capturePayment, repeat: repeatPayment, other: commitStock },
])("an event that comes twice is taken in once: $first", async ({ announce, repeat, other }) => {
  const orderId = randomUUID();
  await repeat(await announce(orderId));
  await other(orderId);
  await reaches(orderId, "CREATED");
  expect(await announcedFor(orderId)).toHaveLength(1);
});

test("items without an address leave nothing behind, and wait for nobody", async () => {
  const orderId = randomUUID();
  await capturePayment(orderId);
  await reaches(orderId, "WAITING_FOR_STOCK");
  // The event is critical, so it is tried for ever; the right one comes behind it, of the same key.
  const homeless = await inventory(StockCommittedSchema, { orderId, userId: customer.id });
  await commitStock(orderId);
  await reaches(orderId, "CREATED");
  expect(await shipmentOf(orderId)).toMatchObject({ shippingAddress });
  expect(await announcedFor(orderId)).toHaveLength(1);
  expect(await inside.received(homeless)).toBe(false);
});

test("a shipment is shown to its customer and to admins", async () => {
  const orderId = randomUUID();
  await capturePayment(orderId);
  await reaches(orderId, "WAITING_FOR_STOCK");
  const asAdmin = await client.getShipment({ orderId }, await mesh.as(someUser("admin")));
  expect(asAdmin.shipment?.orderId).toBe(orderId);
  const other = client.getShipment({ orderId }, await mesh.as(someUser()));
  await expect(other).rejects.toMatchObject({ code: Code.NotFound });
  await expect(shipmentOf(randomUUID())).rejects.toMatchObject({ code: Code.NotFound });
  await expect(client.getShipment({ orderId })).rejects.toMatchObject({ code: Code.Unauthenticated });
  await expect(shipmentOf("o1")).rejects.toMatchObject({ code: Code.InvalidArgument });
});
