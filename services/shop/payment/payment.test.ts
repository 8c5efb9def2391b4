import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { afterAll, expect, test } from "vitest";
import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { InventoryErrorReasonSchema } from "#gen/shop/inventory/v1/inventory_errors_pb.ts";
import {
  file_shop_inventory_v1_inventory_events,
  StockReservedSchema,
} from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { OrderErrorReasonSchema } from "#gen/shop/order/v1/order_errors_pb.ts";
import {
  file_shop_order_v1_order_events,
  OrderCancelledSchema,
  OrderConfirmedSchema,
} from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import {
  PaymentAuthorisedSchema,
  PaymentCapturedSchema,
  PaymentDeclinedSchema,
  PaymentVoidedSchema,
} from "#gen/shop/payment/v1/payment_events_pb.ts";
import { PaymentService, PaymentStatus } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { eventually } from "#mesh/testing";
import { someUser, testMesh } from "../mesh.fixture.ts";
import { runProvider } from "./provider.fixture.ts";
import { paymentService } from "./service.ts";

const mesh = await testMesh();
const provider = await runProvider(500);
const inventory = await mesh.announcer({
  services: [InventoryService],
  events: file_shop_inventory_v1_inventory_events,
  reactions: InventoryReactionService,
  reasons: InventoryErrorReasonSchema,
});
const order = await mesh.announcer({
  services: [OrderService],
  events: file_shop_order_v1_order_events,
  reactions: OrderReactionService,
  reasons: OrderErrorReasonSchema,
});
const service = await mesh.start(paymentService(mesh.config(PaymentService), { providerUrl: provider.url }));
const client = await mesh.client(PaymentService, service.address);
const inside = await mesh.inside("shop.payment");
const customer = someUser();
const amount = { currencyCode: "EUR", units: 12n, nanos: 500_000_000 };

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

async function reserve(paymentMethod: string, orderId: string = randomUUID()): Promise<string> {
  await inventory(StockReservedSchema, { orderId, userId: customer.id, total: amount, paymentMethod });
  return orderId;
}

/** Waits until the payment of an order has come to a state. */
async function reaches(orderId: string, state: string): Promise<void> {
  await eventually(async () => expect(await inside.state(orderId)).toBe(state), { timeoutMs: 20_000 });
}

async function paymentOf(orderId: string) {
  return (await client.getPayment({ orderId }, await mesh.as(customer))).payment;
}

async function announcedFor(orderId: string): Promise<string[]> {
  const schemas = [PaymentAuthorisedSchema, PaymentDeclinedSchema, PaymentCapturedSchema, PaymentVoidedSchema];
  const lists = await Promise.all(
    schemas.map(async (schema) => (await inside.announced(schema)).filter((event) => event.orderId === orderId)),
  );
  return lists.flat().map((event) => event.$typeName.replace("shop.payment.v1.", ""));
}

test("the money of a confirmed order is set aside, then taken", async () => {
  const orderId = await reserve("pm_card_visa");
  await reaches(orderId, "AUTHORISED");
  expect(await provider.statusOf(orderId)).toBe("AUTHORIZED");
  await order(OrderConfirmedSchema, { orderId, userId: customer.id });
  await reaches(orderId, "CAPTURED");
  expect(await provider.statusOf(orderId)).toBe("CAPTURED");
  expect(await announcedFor(orderId)).toEqual(["PaymentAuthorised", "PaymentCaptured"]);
  const payment = await paymentOf(orderId);
  expect(payment).toMatchObject({ userId: customer.id, amount, status: PaymentStatus.CAPTURED, declineCode: "" });
  const [captured] = (await inside.announced(PaymentCapturedSchema)).filter((event) => event.orderId === orderId);
  expect(captured).toMatchObject({ userId: customer.id, amount });
});

test("a declined payment ends with the provider's reason", async () => {
  const orderId = await reserve("pm_card_chargeDeclined");
  await reaches(orderId, "DECLINED");
  expect(await paymentOf(orderId)).toMatchObject({ status: PaymentStatus.DECLINED, declineCode: "card_declined" });
  const late = await order(OrderCancelledSchema, { orderId, userId: customer.id });
  await eventually(async () => expect(await inside.received(late)).toBe(true));
  expect(await inside.state(orderId)).toBe("DECLINED");
  expect(await announcedFor(orderId)).toEqual(["PaymentDeclined"]);
});

test("the money of a cancelled order is let go", async () => {
  const orderId = await reserve("pm_card_visa");
  await reaches(orderId, "AUTHORISED");
  await order(OrderCancelledSchema, { orderId, userId: customer.id });
  await reaches(orderId, "VOIDED");
  expect(await provider.statusOf(orderId)).toBe("VOIDED");
  expect(await announcedFor(orderId)).toEqual(["PaymentAuthorised", "PaymentVoided"]);
});

test("a cancellation while the provider takes its time ends with nothing held", async () => {
  const orderId = await reserve("pm_card_slow");
  await reaches(orderId, "AUTHORISING");
  await order(OrderCancelledSchema, { orderId, userId: customer.id });
  await reaches(orderId, "VOIDED");
  expect(await provider.statusOf(orderId)).toBe("VOIDED");
  expect(await announcedFor(orderId)).toEqual(["PaymentVoided"]);
  expect(await paymentOf(orderId)).toMatchObject({ status: PaymentStatus.VOIDED, declineCode: "" });
});

test("an order that was cancelled before its stock was heard of is never charged", async () => {
  const orderId = randomUUID();
  await order(OrderCancelledSchema, { orderId, userId: customer.id });
  await reaches(orderId, "CANCELLED_EARLY");
  const late = await inventory(StockReservedSchema, {
    orderId,
    userId: customer.id,
    total: amount,
    paymentMethod: "pm_card_visa",
  });
  await eventually(async () => expect(await inside.received(late)).toBe(true));
  expect(await inside.state(orderId)).toBe("CANCELLED_EARLY");
  expect(await provider.statusOf(orderId)).toBe("NONE");
  await expect(paymentOf(orderId)).rejects.toMatchObject({ code: Code.NotFound });
});

test("a provider that is killed in the middle of its work is asked again with the same key", async () => {
  const orderId = await reserve("pm_card_slow");
  await reaches(orderId, "AUTHORISING");
  await provider.killAndRestart();
  await reaches(orderId, "AUTHORISED");
  expect(await provider.statusOf(orderId)).toBe("AUTHORIZED");
  expect(await announcedFor(orderId)).toEqual(["PaymentAuthorised"]);
});

test("a payment is shown to its customer and to admins", async () => {
  const orderId = await reserve("pm_card_visa");
  await reaches(orderId, "AUTHORISED");
  const asAdmin = await client.getPayment({ orderId }, await mesh.as(someUser("admin")));
  expect(asAdmin.payment?.orderId).toBe(orderId);
  const other = client.getPayment({ orderId }, await mesh.as(someUser()));
  await expect(other).rejects.toMatchObject({ code: Code.NotFound });
  await expect(client.getPayment({ orderId })).rejects.toMatchObject({ code: Code.Unauthenticated });
});
