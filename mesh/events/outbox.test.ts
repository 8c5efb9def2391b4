import { expect, test } from "vitest";
import { ProductCreatedSchema } from "#gen/shop/catalog/v1/catalog_events_pb.ts";
import { AvailabilityChangedSchema, StockReservedSchema } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderPlacedSchema } from "#gen/shop/order/v1/order_events_pb.ts";
import { readDelivery } from "./cloud-events.ts";
import { event } from "./event.ts";
import { maxPayloadBytes } from "./outbox.ts";
import { confirmed, count, emission, isPublished, placed, recorder, testWorld, waitFor } from "./world.fixture.ts";

test("an aborted transaction announces nothing", async () => {
  await using world = await testWorld();
  const { keys, receive } = recorder();
  await world.inventory(receive);
  const orders = await world.orders();
  const aborted = orders.database.transaction(async (tx) => {
    await orders.events.outbox.append(tx, [emission(placed("never"))]);
    throw new Error("no");
  });
  await expect(aborted).rejects.toThrow("no");
  await orders.announce(placed("o2"));
  await waitFor(() => expect(keys()).toEqual(["o2"]));
});

test("several events in one call get their versions in the order given", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  await orders.announce(placed("a"), placed("b"), confirmed("a"));
  await orders.announce(confirmed("b"));
  const rows = await orders.database.sql`
    select aggregate_id || aggregate_version as version, headers->>'ce-aggversion' as header
    from heddle.outbox order by id`;
  expect(rows.map(({ version }) => version)).toEqual(["a1", "b1", "a2", "b2"]);
  expect(rows.map(({ header }) => header)).toEqual(["1", "1", "2", "2"]);
});

test("an event that the service does not declare is refused", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const foreign = orders.announce(event(ProductCreatedSchema, { productId: "p1" }));
  await expect(foreign).rejects.toThrow("shop.order may not announce shop.catalog.v1.ProductCreated");
  expect(await count(orders, "outbox")).toBe(0);
});

test("a method announces what its policy declares, and nothing else", async () => {
  await using world = await testWorld();
  const inventory = await world.inventory(recorder().receive);
  const { adjustStock } = InventoryService.method;
  const announce = (...events: ReturnType<typeof event>[]) =>
    inventory.database.transaction((tx) => inventory.events.outbox.announce(tx, adjustStock, ...events));
  await announce(event(AvailabilityChangedSchema, { productId: "p1" }));
  expect(await count(inventory, "outbox")).toBe(1);
  await expect(announce(event(StockReservedSchema, { orderId: "o1" }))).rejects.toThrow(
    /AdjustStock may not announce shop\.inventory\.v1\.StockReserved: list it in "emits"/,
  );
});

test("an event that no stream would take is refused in its transaction", async () => {
  await using world = await testWorld();
  const orders = await world.orders();
  const paymentMethod = "x".repeat(maxPayloadBytes);
  const large = orders.announce(event(OrderPlacedSchema, { orderId: "o1", paymentMethod }));
  await expect(large).rejects.toThrow(/too large for an event/);
});

test("what is announced while taking an event in names it as its cause", async () => {
  await using world = await testWorld();
  const inventory = await world.inventory(async ({ key }, tx) => {
    await inventory.events.outbox.append(tx, [emission(event(StockReservedSchema, { orderId: key }))]);
    return "done";
  });
  const orders = await world.orders();
  await orders.announce(placed("o1"));
  await waitFor(async () => expect(await count(inventory, "outbox", isPublished)).toBe(1));
  const [[caused], [cause]] = await Promise.all([
    inventory.database.sql`select subject, headers, payload from heddle.outbox`,
    orders.database.sql`select subject, headers, payload from heddle.outbox`,
  ]);
  const read = (row: typeof caused) =>
    readDelivery({ subject: row?.subject, headers: row?.headers, payload: row?.payload, deliveries: 1 });
  expect(caused?.headers["ce-causationid"]).toBe(read(cause).eventId);
  expect(read(caused)).toMatchObject({ correlationId: "o1", trace: { traceId: read(cause).trace.traceId } });
});
