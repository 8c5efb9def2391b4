import { randomUUID } from "node:crypto";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { afterAll, expect, test } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { UserDeletedSchema } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { StockRejectedSchema } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderPlacedSchema,
  OrderRejectedSchema,
} from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderReason, OrderService, OrderStatus } from "#gen/shop/order/v1/order_service_pb.ts";
import { PaymentAuthorisedSchema, PaymentDeclinedSchema } from "#gen/shop/payment/v1/payment_events_pb.ts";
import { eventually } from "#mesh/testing";
import { someUser, type TestUser, testMesh } from "../mesh.fixture.ts";
import { orderService } from "./service.ts";
import { catalogPrices, serveCatalog } from "./test-catalog.ts";
import { identityEvents, inventoryEvents, paymentEvents } from "./test-neighbours.ts";

const mesh = await testMesh();
await serveCatalog(mesh);
const [identity, inventory, payment] = await Promise.all([
  mesh.announcer(identityEvents),
  mesh.announcer(inventoryEvents),
  mesh.announcer(paymentEvents),
]);
const service = await mesh.start(orderService(mesh.config(OrderService), { deadlineMs: 0 }));
const client: Client<typeof OrderService> = await mesh.client(OrderService, service.address);
const inside = await mesh.inside("shop.order");

afterAll(() => mesh[Symbol.asyncDispose]());

const shippingAddress = { recipient: "Ada", line1: "1 Loom Street", city: "London", postalCode: "E1", country: "GB" };
const oneBook = [{ productId: catalogPrices.book.id, quantity: 1 }];

interface Wish {
  readonly items?: { productId: string; quantity: number }[];
  readonly requestId?: string;
}

async function place(user: TestUser, { items = oneBook, requestId = "" }: Wish = {}) {
  const request = { items, paymentMethod: "pm_card_visa", shippingAddress, requestId };
  const { order } = await client.placeOrder(request, await mesh.as(user));
  if (!order) throw new Error("no order");
  return order;
}

async function get(user: TestUser, id: string) {
  return (await client.getOrder({ id }, await mesh.as(user))).order;
}

async function cancel(user: TestUser, id: string) {
  return (await client.cancelOrder({ id }, await mesh.as(user))).order;
}

/** Waits until an order has come to a state. */
async function reaches(orderId: string, state: string): Promise<void> {
  await eventually(async () => expect(await inside.state(orderId)).toBe(state));
}

function reasonOf(error: unknown): string | undefined {
  return error instanceof ConnectError ? error.findDetails(ErrorInfoSchema)[0]?.reason : undefined;
}

async function refusal(call: Promise<unknown>): Promise<{ code: Code | undefined; reason: string | undefined }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { code: error instanceof ConnectError ? error.code : undefined, reason: reasonOf(error) };
}

async function rowCount(): Promise<number> {
  const [row] = await inside.database.sql`select count(*)::int as count from "order"`;
  return row?.count;
}

test("an order is answered pending at the catalog's prices", async () => {
  const ada = someUser();
  const { book, pen } = catalogPrices;
  const items = [
    { productId: book.id, quantity: 3 },
    { productId: pen.id, quantity: 1000 },
  ];
  const order = await place(ada, { items });
  expect(order).toMatchObject({ userId: ada.id, status: OrderStatus.PENDING, reason: OrderReason.UNSPECIFIED });
  // 3 × 19.99 + 1000 × 0.000000001
  expect(order.total).toMatchObject({ currencyCode: "EUR", units: 59n, nanos: 970_001_000 });
  expect(order.items).toMatchObject([
    {
      productId: book.id,
      name: "Book",
      quantity: 3,
      unitPrice: { currencyCode: "EUR", units: 19n, nanos: 990_000_000 },
    },
    { productId: pen.id, name: "Pen", quantity: 1000 },
  ]);
  expect(await get(ada, order.id)).toEqual(order);
  const [placed] = (await inside.announced(OrderPlacedSchema)).filter((event) => event.orderId === order.id);
  expect(placed).toMatchObject({ userId: ada.id, items, paymentMethod: "pm_card_visa", total: order.total });
});

test("the same request from the same user is one order, also twenty at once", async () => {
  const [ada, bob] = [someUser(), someUser()];
  const orders = await Promise.all(Array.from({ length: 20 }, () => place(ada, { requestId: "r1" })));
  const [first] = orders;
  expect(new Set(orders.map((order) => order.id)).size).toBe(1);
  expect((await place(ada, { requestId: "r1" })).id).toBe(first?.id);
  expect((await place(bob, { requestId: "r1" })).id).not.toBe(first?.id);
  const placed = (await inside.announced(OrderPlacedSchema)).filter((event) => event.userId === ada.id);
  expect(placed.length).toBe(1);
});

test("bad orders are refused with a reason, and nothing is written", async () => {
  const ada = someUser();
  const before = await rowCount();
  const { book, dollarBook } = catalogPrices;
  const unknown = [{ productId: randomUUID(), quantity: 1 }];
  const mixed = [...oneBook, { productId: dollarBook.id, quantity: 1 }];
  expect(await refusal(place(ada, { items: unknown }))).toEqual({
    code: Code.FailedPrecondition,
    reason: "PRODUCT_NOT_FOUND",
  });
  expect(await refusal(place(ada, { items: mixed }))).toMatchObject({ reason: "CURRENCIES_MIXED" });
  expect(await refusal(place(ada, { items: [] }))).toMatchObject({ code: Code.InvalidArgument });
  const none = [{ productId: book.id, quantity: 0 }];
  expect(await refusal(place(ada, { items: none }))).toMatchObject({ code: Code.InvalidArgument });
  const twice = [...oneBook, ...oneBook];
  expect(await refusal(place(ada, { items: twice }))).toMatchObject({ code: Code.InvalidArgument });
  const unsigned = client.placeOrder({ items: oneBook, paymentMethod: "pm_card_visa", shippingAddress });
  expect(await refusal(unsigned)).toMatchObject({ code: Code.Unauthenticated });
  expect(await rowCount()).toBe(before);
});

test("stock and payment decide what becomes of an order", async () => {
  const ada = someUser();
  const [confirmed, rejected, declined] = [await place(ada), await place(ada), await place(ada)];
  await payment(PaymentAuthorisedSchema, { orderId: confirmed.id });
  await inventory(StockRejectedSchema, { orderId: rejected.id, productIds: [catalogPrices.book.id] });
  await payment(PaymentDeclinedSchema, { orderId: declined.id, declineCode: "card_declined" });
  await reaches(confirmed.id, "CONFIRMED");
  await reaches(rejected.id, "REJECTED");
  await reaches(declined.id, "CANCELLED");
  expect(await get(ada, confirmed.id)).toMatchObject({ status: OrderStatus.CONFIRMED, reason: 0 });
  expect(await get(ada, rejected.id)).toMatchObject({ reason: OrderReason.OUT_OF_STOCK });
  expect(await get(ada, declined.id)).toMatchObject({ reason: OrderReason.PAYMENT_DECLINED });
  const mine = <E extends { userId: string }>(events: E[]) => events.filter((event) => event.userId === ada.id);
  expect(mine(await inside.announced(OrderConfirmedSchema))).toMatchObject([
    { orderId: confirmed.id, shippingAddress },
  ]);
  expect(mine(await inside.announced(OrderRejectedSchema))).toMatchObject([
    { orderId: rejected.id, reason: OrderReason.OUT_OF_STOCK },
  ]);
  expect(mine(await inside.announced(OrderCancelledSchema))).toMatchObject([
    { orderId: declined.id, reason: OrderReason.PAYMENT_DECLINED },
  ]);
});

test("a pending order is cancelled once, and late news changes nothing", async () => {
  const ada = someUser();
  const { id } = await place(ada);
  const answers = await Promise.all([cancel(ada, id), cancel(ada, id), cancel(ada, id)]);
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: OrderStatus.CANCELLED, reason: OrderReason.CANCELLED_BY_CUSTOMER });
  }
  const late = [
    await payment(PaymentAuthorisedSchema, { orderId: id }),
    await payment(PaymentDeclinedSchema, { orderId: id, declineCode: "card_declined" }),
    await inventory(StockRejectedSchema, { orderId: id, productIds: [] }),
  ];
  await eventually(async () => expect(await Promise.all(late.map(inside.received))).toEqual([true, true, true]));
  expect(await get(ada, id)).toMatchObject({ reason: OrderReason.CANCELLED_BY_CUSTOMER });
  const cancelled = (await inside.announced(OrderCancelledSchema)).filter((event) => event.orderId === id);
  expect(cancelled.length).toBe(1);
});

test("a confirmed order is not cancelled, and a race has one winner", async () => {
  const ada = someUser();
  const certain = await place(ada);
  await payment(PaymentAuthorisedSchema, { orderId: certain.id });
  await reaches(certain.id, "CONFIRMED");
  expect(await refusal(cancel(ada, certain.id))).toEqual({
    code: Code.FailedPrecondition,
    reason: "NOT_CANCELLABLE",
  });
  const orders = await Promise.all(Array.from({ length: 10 }, () => place(ada)));
  const outcomes = await Promise.all(
    orders.map(async ({ id }) => {
      await payment(PaymentAuthorisedSchema, { orderId: id });
      const answer = await refusal(cancel(ada, id));
      await eventually(async () => expect(["CONFIRMED", "CANCELLED"]).toContain(await inside.state(id)));
      return { id, state: await inside.state(id), answer };
    }),
  );
  const events = [
    ...(await inside.announced(OrderConfirmedSchema)).map(({ orderId }) => ({ orderId, state: "CONFIRMED" })),
    ...(await inside.announced(OrderCancelledSchema)).map(({ orderId }) => ({ orderId, state: "CANCELLED" })),
  ];
  for (const { id, state, answer } of outcomes) {
    expect(events.filter(({ orderId }) => orderId === id)).toEqual([{ orderId: id, state }]);
    expect(answer.reason).toBe(state === "CONFIRMED" ? "NOT_CANCELLABLE" : undefined);
  }
});

test("orders are shown to their customer and to admins", async () => {
  const [ada, bob, admin] = [someUser(), someUser(), someUser("admin")];
  const { id } = await place(ada);
  expect((await get(admin, id))?.id).toBe(id);
  expect(await refusal(get(bob, id))).toEqual({ code: Code.NotFound, reason: "ORDER_NOT_FOUND" });
  expect(await refusal(cancel(bob, id))).toMatchObject({ reason: "ORDER_NOT_FOUND" });
  expect(await refusal(cancel(ada, randomUUID()))).toMatchObject({ reason: "ORDER_NOT_FOUND" });
  expect(await cancel(admin, id)).toMatchObject({ status: OrderStatus.CANCELLED });
});

test("an order is watched to its end, whichever replica decides it, and from where a reader left off", async () => {
  const ada = someUser();
  const replica = await mesh.start(orderService(mesh.config(OrderService), { deadlineMs: 0 }));
  const clients = [client, await mesh.client(OrderService, replica.address)];
  const { id } = await place(ada);
  const options = await mesh.as(ada);
  const watches = clients.map((each) => each.watchOrder({ id }, options)[Symbol.asyncIterator]());
  for (const watch of watches) {
    const { value } = await watch.next();
    expect(value).toMatchObject({ version: 1, order: { id, status: OrderStatus.PENDING } });
  }
  await payment(PaymentAuthorisedSchema, { orderId: id });
  for (const watch of watches) {
    const { value } = await watch.next();
    expect(value).toMatchObject({ version: 2, order: { id, status: OrderStatus.CONFIRMED } });
    expect((await watch.next()).done).toBe(true);
  }
  const after = async (afterVersion: number) =>
    (await Array.fromAsync(client.watchOrder({ id, afterVersion }, options))).map(({ version }) => version);
  expect([await after(0), await after(1), await after(2)]).toEqual([[2], [2], []]);
});

test("only who may see an order may watch it, and a service that stops sends its watchers elsewhere", async () => {
  const [ada, bob] = [someUser(), someUser()];
  const { id } = await place(ada);
  const stranger = client.watchOrder({ id }, await mesh.as(bob))[Symbol.asyncIterator]();
  expect(await refusal(stranger.next())).toEqual({ code: Code.NotFound, reason: "ORDER_NOT_FOUND" });
  const replica = orderService(mesh.config(OrderService), { deadlineMs: 0 });
  await replica.start();
  const other = await mesh.client(OrderService, replica.address);
  const watch = other.watchOrder({ id }, await mesh.as(ada))[Symbol.asyncIterator]();
  expect((await watch.next()).value).toMatchObject({ version: 1 });
  const next = refusal(watch.next());
  await replica.stop();
  expect(await next).toMatchObject({ code: Code.Unavailable });
});

test("orders are listed newest first, page by page", async () => {
  const [ada, bob, admin] = [someUser(), someUser(), someUser("admin")];
  const placed: string[] = [];
  for (let count = 0; count < 5; count++) placed.unshift((await place(ada)).id);
  await place(bob);
  const list = async (user: TestUser, request: Parameters<typeof client.listOrders>[0]) =>
    client.listOrders(request, await mesh.as(user));

  const first = await list(ada, { pageSize: 2 });
  const second = await list(ada, { pageSize: 2, pageToken: first.nextPageToken });
  const third = await list(ada, { pageSize: 2, pageToken: second.nextPageToken });
  const pages = [first, second, third].map((page) => page.orders.map((order) => order.id));
  expect(pages).toEqual([placed.slice(0, 2), placed.slice(2, 4), placed.slice(4)]);
  expect(third.nextPageToken).toBe("");

  expect((await list(admin, { userId: ada.id })).orders.map((order) => order.id)).toEqual(placed);
  const everyone = new Set((await list(admin, { pageSize: 100 })).orders.map((order) => order.userId));
  expect(everyone).toContain(bob.id);
  expect(await refusal(list(ada, { userId: bob.id }))).toMatchObject({ reason: "NOT_YOURS" });
  const foreign = list(bob, { pageToken: first.nextPageToken });
  expect(await refusal(foreign)).toEqual({ code: Code.InvalidArgument, reason: "PAGE_TOKEN_INVALID" });
});

test("a deleted user's pending orders are cancelled, and no more are taken", async () => {
  const [ada, bob] = [someUser(), someUser()];
  const [pending, confirmed, others] = [await place(ada), await place(ada), await place(bob)];
  await payment(PaymentAuthorisedSchema, { orderId: confirmed.id });
  await reaches(confirmed.id, "CONFIRMED");
  // Placed while the account goes: each of them is cancelled or refused, none stays.
  const racing = Array.from({ length: 10 }, () => place(ada).then(({ id }) => id, reasonOf));
  const gone = await identity(UserDeletedSchema, { userId: ada.id });
  await eventually(async () => expect(await inside.received(gone)).toBe(true));
  const placedInTime = (await Promise.all(racing)).filter((answer) => answer !== "USER_DELETED");
  for (const id of [pending.id, ...placedInTime]) await reaches(id ?? "", "CANCELLED");
  expect(await get(ada, pending.id)).toMatchObject({ reason: OrderReason.USER_DELETED });
  expect(await inside.state(confirmed.id)).toBe("CONFIRMED");
  expect(await inside.state(others.id)).toBe("PENDING");
  expect(await refusal(place(ada))).toEqual({ code: Code.PermissionDenied, reason: "USER_DELETED" });
});

test("an order that is pending for too long is cancelled", async () => {
  const impatient = await mesh.start(orderService(mesh.config(OrderService), { deadlineMs: 100 }));
  const quick = await mesh.client(OrderService, impatient.address);
  const ada = someUser();
  const request = { items: oneBook, paymentMethod: "pm_card_visa", shippingAddress };
  const { order } = await quick.placeOrder(request, await mesh.as(ada));
  const id = order?.id ?? "";
  await reaches(id, "CANCELLED");
  expect(await get(ada, id)).toMatchObject({ reason: OrderReason.DEADLINE_EXCEEDED });
});
