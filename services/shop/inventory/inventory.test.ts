import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { afterAll, expect, test } from "vitest";
import { CatalogReactionService } from "#gen/shop/catalog/reactions/v1/catalog_reactions_pb.ts";
import { CatalogErrorReasonSchema } from "#gen/shop/catalog/v1/catalog_errors_pb.ts";
import { file_shop_catalog_v1_catalog_events, ProductCreatedSchema } from "#gen/shop/catalog/v1/catalog_events_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import {
  AvailabilityChangedSchema,
  StockAdjustedSchema,
  StockCommittedSchema,
  StockRejectedSchema,
  StockReleasedSchema,
  StockReservedSchema,
} from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { OrderErrorReasonSchema } from "#gen/shop/order/v1/order_errors_pb.ts";
import {
  file_shop_order_v1_order_events,
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderPlacedSchema,
} from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { eventually } from "#mesh/testing";
import { someUser, testMesh } from "../mesh.fixture.ts";
import { inventoryService } from "./service.ts";

const mesh = await testMesh();
const order = await mesh.announcer({
  services: [OrderService],
  events: file_shop_order_v1_order_events,
  reactions: OrderReactionService,
  reasons: OrderErrorReasonSchema,
});
const catalog = await mesh.announcer({
  services: [CatalogService],
  events: file_shop_catalog_v1_catalog_events,
  reactions: CatalogReactionService,
  reasons: CatalogErrorReasonSchema,
});
const service = await mesh.start(inventoryService(mesh.config(InventoryService), { demoData: false }));
const client = await mesh.client(InventoryService, service.address);
const admin = await mesh.as(someUser("admin"));
const inside = await mesh.inside("shop.inventory");

afterAll(() => mesh[Symbol.asyncDispose]());

/** A new product with some pieces. */
async function product(onHand: number): Promise<string> {
  const productId = randomUUID();
  await catalog(ProductCreatedSchema, { productId, name: "Thing" });
  await eventually(() => client.getStock({ productId }, admin));
  if (onHand > 0) await client.adjustStock({ productId, delta: onHand, reason: "delivery" }, admin);
  return productId;
}

async function stockOf(productId: string) {
  const { stock } = await client.getStock({ productId }, admin);
  return { onHand: stock?.onHand, reserved: stock?.reserved, available: stock?.available };
}

async function place(...items: { productId: string; quantity: number }[]): Promise<string> {
  const orderId = randomUUID();
  const total = { currencyCode: "EUR", units: 12n, nanos: 5 };
  await order(OrderPlacedSchema, { orderId, userId: "ada", items, total, paymentMethod: "pm_card_visa" });
  return orderId;
}

/** Waits until an order's reservation has come to a state. */
async function reaches(orderId: string, state: string): Promise<void> {
  await eventually(async () => expect(await inside.state(orderId)).toBe(state));
}

async function availabilityOf(productId: string): Promise<boolean[]> {
  const changes = await inside.announced(AvailabilityChangedSchema);
  return changes.filter((change) => change.productId === productId).map((change) => change.available);
}

test("an order's pieces are set aside, then leave the house when it is confirmed", async () => {
  const [a, b] = [await product(5), await product(1)];
  const orderId = await place({ productId: b, quantity: 1 }, { productId: a, quantity: 2 });
  await reaches(orderId, "RESERVED");
  expect(await stockOf(a)).toEqual({ onHand: 5, reserved: 2, available: 3 });
  const [reserved] = (await inside.announced(StockReservedSchema)).filter((event) => event.orderId === orderId);
  expect(reserved).toMatchObject({ userId: "ada", paymentMethod: "pm_card_visa", total: { units: 12n, nanos: 5 } });
  expect(await availabilityOf(b)).toEqual([true, false]);

  const shippingAddress = { recipient: "Ada", line1: "1 Loom Street", city: "London", country: "GB" };
  await order(OrderConfirmedSchema, { orderId, userId: "ada", shippingAddress });
  await reaches(orderId, "COMMITTED");
  expect(await stockOf(a)).toEqual({ onHand: 3, reserved: 0, available: 3 });
  expect(await stockOf(b)).toEqual({ onHand: 0, reserved: 0, available: 0 });
  const [committed] = (await inside.announced(StockCommittedSchema)).filter((event) => event.orderId === orderId);
  expect(committed).toMatchObject({ userId: "ada", shippingAddress });
});

test("a cancelled order's pieces are for sale again", async () => {
  const productId = await product(2);
  const orderId = await place({ productId, quantity: 2 });
  await reaches(orderId, "RESERVED");
  await order(OrderCancelledSchema, { orderId, userId: "ada" });
  await reaches(orderId, "RELEASED");
  expect(await stockOf(productId)).toEqual({ onHand: 2, reserved: 0, available: 2 });
  expect(await availabilityOf(productId)).toEqual([true, false, true]);
  expect((await inside.announced(StockReleasedSchema)).map((event) => event.orderId)).toContain(orderId);
});

test("all pieces are set aside or none", async () => {
  const [a, b] = [await product(5), await product(1)];
  const unknown = randomUUID();
  const orderId = await place(
    { productId: a, quantity: 1 },
    { productId: b, quantity: 2 },
    { productId: unknown, quantity: 1 },
  );
  await reaches(orderId, "REJECTED");
  expect(await stockOf(a)).toEqual({ onHand: 5, reserved: 0, available: 5 });
  const [rejected] = (await inside.announced(StockRejectedSchema)).filter((event) => event.orderId === orderId);
  expect(new Set(rejected?.productIds)).toEqual(new Set([b, unknown]));
});

test("an order that was cancelled before it was heard of reserves nothing", async () => {
  const productId = await product(3);
  const orderId = randomUUID();
  await order(OrderCancelledSchema, { orderId, userId: "ada" });
  await reaches(orderId, "CANCELLED_EARLY");
  const late = await order(OrderPlacedSchema, { orderId, userId: "ada", items: [{ productId, quantity: 1 }] });
  await eventually(async () => expect(await inside.received(late)).toBe(true));
  expect(await stockOf(productId)).toEqual({ onHand: 3, reserved: 0, available: 3 });
  expect(await inside.state(orderId)).toBe("CANCELLED_EARLY");
});

test("of twenty orders for the last one, one gets it", async () => {
  const productId = await product(1);
  const orderIds = await Promise.all(Array.from({ length: 20 }, () => place({ productId, quantity: 1 })));
  await eventually(async () => {
    const states = await Promise.all(orderIds.map((orderId) => inside.state(orderId)));
    expect(states.toSorted()).toEqual([...Array<string>(19).fill("REJECTED"), "RESERVED"]);
  });
  expect(await stockOf(productId)).toEqual({ onHand: 1, reserved: 1, available: 0 });
  expect(await availabilityOf(productId)).toEqual([true, false]);
});

test("orders for the same products in any order do not block each other", async () => {
  const [a, b] = [await product(100), await product(100)];
  const orderIds = await Promise.all(
    Array.from({ length: 30 }, (_, index) => {
      const items = [
        { productId: a, quantity: 1 },
        { productId: b, quantity: 2 },
      ];
      return place(...(index % 2 ? items : items.reverse()));
    }),
  );
  for (const orderId of orderIds) await reaches(orderId, "RESERVED");
  expect(await stockOf(a)).toEqual({ onHand: 100, reserved: 30, available: 70 });
  expect(await stockOf(b)).toEqual({ onHand: 100, reserved: 60, available: 40 });
});

test("stock is adjusted by admins, within what is free", async () => {
  const productId = await product(3);
  await reaches(await place({ productId, quantity: 2 }), "RESERVED");
  const adjusted = await client.adjustStock({ productId, delta: -1, reason: "broken" }, admin);
  expect(adjusted.stock).toMatchObject({ onHand: 2, reserved: 2, available: 0 });
  expect(await availabilityOf(productId)).toEqual([true, false]);
  const events = (await inside.announced(StockAdjustedSchema)).filter((event) => event.productId === productId);
  expect(events.at(-1)).toMatchObject({ delta: -1, reason: "broken", onHand: 2 });

  const refused = client.adjustStock({ productId, delta: -1, reason: "broken" }, admin);
  await expect(refused).rejects.toMatchObject({ code: Code.FailedPrecondition });
  const unknown = client.adjustStock({ productId: randomUUID(), delta: 1, reason: "found" }, admin);
  await expect(unknown).rejects.toMatchObject({ code: Code.NotFound });
  const customer = client.adjustStock({ productId, delta: 1, reason: "mine" }, await mesh.as(someUser()));
  await expect(customer).rejects.toMatchObject({ code: Code.PermissionDenied });
  await expect(client.getStock({ productId })).rejects.toMatchObject({ code: Code.Unauthenticated });
  expect(await stockOf(productId)).toEqual({ onHand: 2, reserved: 2, available: 0 });
});
