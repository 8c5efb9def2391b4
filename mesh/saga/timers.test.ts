import { expect, it } from "vitest";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { file_shop_order_v1_order_events, OrderPlacedSchema } from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { PaymentAuthorisedSchema } from "#gen/shop/payment/v1/payment_events_pb.ts";
import { readContract } from "#mesh/contract";
import { event } from "#mesh/events";
import type { ReactionHandlers } from "./handlers.ts";
import { patience, type SagaFixture, sagaFixture } from "./saga.fixture.ts";

const contract = readContract({
  services: [OrderService],
  events: file_shop_order_v1_order_events,
  reactions: OrderReactionService,
});

let failures = 0;
const handlers: ReactionHandlers<typeof OrderReactionService> = {
  onStockRejected: async ({ orderId }) => ({ event: { case: "orderRejected", value: { orderId } } }),
  onPaymentAuthorised: async ({ orderId }) => ({ event: { case: "orderConfirmed", value: { orderId } } }),
  onPaymentDeclined: async ({ orderId }) => ({ event: { case: "orderCancelled", value: { orderId } } }),
  onUserDeleted: async () => ({}),
  async onDeadline({ key }, { state, delivery }) {
    expect([state, delivery]).toEqual(["PENDING", undefined]);
    if (key === "failing" && ++failures < 3) throw new Error("no disk");
    return { event: { case: "orderCancelled", value: { orderId: key } } };
  },
};

const withDeadline = (afterMs: number) => sagaFixture(contract, handlers, { timers: { OnDeadline: afterMs } });

const place = ({ saga }: SagaFixture, orderId: string) =>
  saga.participants.command(OrderService.method.placeOrder, orderId, async () => ({
    emit: event(OrderPlacedSchema, { orderId }),
    value: undefined,
  }));

it("fires at the overridden time, through the declared move", async () => {
  await using order = await withDeadline(30);
  await order.saga.worker.start();
  await place(order, "o1");
  await expect.poll(() => order.state("o1"), patience).toBe("CANCELLED");
  expect(await order.announced("o1")).toEqual(["OrderPlaced", "OrderCancelled"]);
  expect(await order.timers("o1")).toEqual([]);
  await order.saga.worker.stop();
});

it("fires what was armed while nobody worked, once, whichever replica is faster", async () => {
  await using order = await withDeadline(0);
  const keys = Array.from({ length: 30 }, (_, index) => `o${index}`);
  for (const key of keys) await place(order, key);
  const workers = [order.saga.worker, order.replica(handlers).worker, order.replica(handlers).worker];
  await Promise.all(workers.map((worker) => worker.start()));
  await expect.poll(async () => (await Promise.all(keys.map(order.timers))).flat(), patience).toEqual([]);
  await Promise.all(workers.map((worker) => worker.stop()));
  for (const key of keys) expect(await order.announced(key)).toEqual(["OrderPlaced", "OrderCancelled"]);
});

it("does not fire once its state was left", async () => {
  await using order = await withDeadline(0);
  await place(order, "o1");
  await order.deliver(PaymentAuthorisedSchema, { orderId: "o1" });
  await place(order, "o2");
  await order.saga.worker.start();
  await expect.poll(() => order.state("o2"), patience).toBe("CANCELLED");
  await order.saga.worker.stop();
  expect(await order.state("o1")).toBe("CONFIRMED");
  expect(await order.announced("o1")).toEqual(["OrderPlaced", "OrderConfirmed"]);
});

it("is tried again after a failure, with an alarm, and holds no other back", async () => {
  await using order = await withDeadline(0);
  await place(order, "failing");
  await place(order, "o1");
  await order.saga.worker.start();
  await expect.poll(() => order.state("failing"), patience).toBe("CANCELLED");
  await order.saga.worker.stop();
  expect(await order.state("o1")).toBe("CANCELLED");
  expect(order.alarms.map(({ key, failures }) => ({ key, failures }))).toEqual([
    { key: "failing", failures: 1 },
    { key: "failing", failures: 2 },
  ]);
});

it("meets an event of the same key without waiting for each other", async () => {
  await using order = await withDeadline(0);
  const keys = Array.from({ length: 20 }, (_, index) => `o${index}`);
  for (const key of keys) await place(order, key);
  await order.saga.worker.start();
  await Promise.all(keys.map((orderId) => order.deliver(PaymentAuthorisedSchema, { orderId })));
  await expect.poll(async () => (await Promise.all(keys.map(order.timers))).flat(), patience).toEqual([]);
  await order.saga.worker.stop();
  for (const key of keys) {
    const end = (await order.announced(key)).slice(1);
    expect([["OrderConfirmed"], ["OrderCancelled"]]).toContainEqual(end);
  }
  expect(order.alarms).toEqual([]);
});

it("refuses to override a timer that is not declared", async () => {
  await using order = await withDeadline(0);
  const options = { timers: { OnDeadlin: 1 } };
  await expect(sagaFixture(contract, handlers, options)).rejects.toThrow(
    'shop.order declares no timer "OnDeadlin". Override one of these or drop it: OnDeadline.',
  );
  expect(await order.timers("none")).toEqual([]);
});
