import { eq } from "drizzle-orm";
import { expect, it } from "vitest";
import { StockReservedSchema } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { file_shop_order_v1_order_events, OrderPlacedSchema } from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { PaymentReactionService } from "#gen/shop/payment/reactions/v1/payment_reactions_pb.ts";
import { file_shop_payment_v1_payment_events } from "#gen/shop/payment/v1/payment_events_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { readContract } from "#mesh/contract";
import { event, outbox, runCausedBy } from "#mesh/events";
import type { ReactionHandlers } from "./handlers.ts";
import { patience, type SagaFixture, sagaFixture } from "./saga.fixture.ts";

const payment = readContract({
  services: [PaymentService],
  events: file_shop_payment_v1_payment_events,
  reactions: PaymentReactionService,
});
const order = readContract({
  services: [OrderService],
  events: file_shop_order_v1_order_events,
  reactions: OrderReactionService,
});

const payments: ReactionHandlers<typeof PaymentReactionService> = {
  onStockReserved: async () => ({}),
  onOrderConfirmed: async () => ({}),
  onOrderCancelled: async () => ({}),
  authorise: async ({ key: orderId }) => ({ result: { event: { case: "paymentAuthorised", value: { orderId } } } }),
  capture: async ({ key: orderId }) => ({ result: { event: { case: "paymentCaptured", value: { orderId } } } }),
  void: async ({ key: orderId }) => ({ result: { event: { case: "paymentVoided", value: { orderId } } } }),
};

const orders: ReactionHandlers<typeof OrderReactionService> = {
  onStockRejected: async ({ orderId }) => ({ event: { case: "orderRejected", value: { orderId } } }),
  onPaymentAuthorised: async ({ orderId }) => ({ event: { case: "orderConfirmed", value: { orderId } } }),
  onPaymentDeclined: async ({ orderId }) => ({ event: { case: "orderCancelled", value: { orderId } } }),
  onUserDeleted: async () => ({}),
  onDeadline: async ({ key }) => ({ event: { case: "orderCancelled", value: { orderId: key } } }),
};

const cause = { eventId: "01980000-0000-7000-8000-000000000001", correlationId: "the first of all" };
const carried = { "ce-correlationid": "the%20first%20of%20all", "ce-causationid": cause.eventId };

async function headersOf({ database }: SagaFixture, type: string) {
  const rows = await database.orm.select().from(outbox).where(eq(outbox.type, type));
  return rows.map(({ headers }) => headers);
}

it("what comes of a call to the outside world goes back to the event that made it due", async () => {
  await using fixture = await sagaFixture(payment, payments);
  await runCausedBy(cause, () => fixture.deliver(StockReservedSchema, { orderId: "p1" }));
  await fixture.saga.worker.start();
  await expect.poll(() => fixture.state("p1"), patience).toBe("AUTHORISED");
  await fixture.saga.worker.stop();
  expect(await headersOf(fixture, "shop.payment.v1.PaymentAuthorised")).toMatchObject([carried]);
});

it("what a timer announces goes back to the event that armed it", async () => {
  await using fixture = await sagaFixture(order, orders, { timers: { OnDeadline: 0 } });
  const decide = async () => ({ emit: event(OrderPlacedSchema, { orderId: "o1" }), value: undefined });
  await runCausedBy(cause, () => fixture.saga.participants.command(OrderService.method.placeOrder, "o1", decide));
  await fixture.saga.worker.start();
  await expect.poll(() => fixture.state("o1"), patience).toBe("CANCELLED");
  await fixture.saga.worker.stop();
  expect(await headersOf(fixture, "shop.order.v1.OrderCancelled")).toMatchObject([carried]);
});
