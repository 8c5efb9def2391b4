import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserDeletedSchema } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { StockReservedSchema } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import {
  file_shop_order_v1_order_events,
  OrderCancelledSchema,
  OrderPlacedSchema,
} from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { PaymentReactionService } from "#gen/shop/payment/reactions/v1/payment_reactions_pb.ts";
import {
  file_shop_payment_v1_payment_events,
  PaymentAuthorisedSchema,
  PaymentDeclinedSchema,
} from "#gen/shop/payment/v1/payment_events_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { readContract } from "#mesh/contract";
import { event, outbox } from "#mesh/events";
import type { ReactionHandlers } from "./handlers.ts";
import { readMoves } from "./index.ts";
import { patience, type SagaFixture, sagaFixture } from "./saga.fixture.ts";

const order = readContract({
  services: [OrderService],
  events: file_shop_order_v1_order_events,
  reactions: OrderReactionService,
});
const payment = readContract({
  services: [PaymentService],
  events: file_shop_payment_v1_payment_events,
  reactions: PaymentReactionService,
});
const { placeOrder } = OrderService.method;
const orders: ReactionHandlers<typeof OrderReactionService> = {
  onStockRejected: async ({ orderId }) => ({ event: { case: "orderRejected", value: { orderId } } }),
  onPaymentAuthorised: async ({ orderId }) => ({ event: { case: "orderConfirmed", value: { orderId } } }),
  onPaymentDeclined: async () => {
    throw new RangeError("no disk");
  },
  // In the tests a user's id lists the orders to cancel.
  onUserDeleted: async ({ userId }) => ({ orderCancelled: userId.split("_").map((orderId) => ({ orderId })) }),
  onDeadline: async ({ key }) => ({ event: { case: "orderCancelled", value: { orderId: key } } }),
};
const payments: ReactionHandlers<typeof PaymentReactionService> = {
  onStockReserved: async () => ({}),
  onOrderConfirmed: async () => ({}),
  onOrderCancelled: async () => ({}),
  authorise: async ({ key: orderId }) => ({ result: { event: { case: "paymentAuthorised", value: { orderId } } } }),
  capture: async ({ key: orderId }) => ({ result: { event: { case: "paymentCaptured", value: { orderId } } } }),
  void: async ({ key: orderId }) => ({ result: { event: { case: "paymentVoided", value: { orderId } } } }),
};
const reaction = (name: string) => `shop.order.reactions.v1.OrderReactionService.${name}`;

let shop: SagaFixture;
beforeAll(async () => {
  shop = await sagaFixture(order, orders, { timers: { OnDeadline: 0 } });
});
afterAll(() => shop[Symbol.asyncDispose]());

const place = (orderId: string, { saga } = shop) =>
  saga.participants.command(placeOrder, orderId, async () => ({
    emit: event(OrderPlacedSchema, { orderId }),
    value: undefined,
  }));

describe("the history of a saga", () => {
  it("holds every step with its number, its states, what it took in and what it announced", async () => {
    await place("h1");
    await shop.deliver(PaymentAuthorisedSchema, { orderId: "h1" });
    const moves = await readMoves(shop.database, "h1");
    const step = { saga: "checkout", key: "h1", at: expect.any(Date) };
    expect(moves).toEqual([
      {
        ...{ ...step, version: 1, from: "NONE", to: "PENDING", by: "command" },
        ...{ rpc: "shop.order.v1.OrderService.PlaceOrder", announced: [OrderPlacedSchema.typeName] },
      },
      {
        ...{ ...step, version: 2, from: "PENDING", to: "CONFIRMED", by: "event" },
        ...{ rpc: reaction("OnPaymentAuthorised"), announced: ["shop.order.v1.OrderConfirmed"] },
        ...{ eventId: expect.any(String), eventType: PaymentAuthorisedSchema.typeName },
      },
    ]);
    const times = moves.map(({ at }) => at.getTime());
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it("names the events that a fan-out took in, for each instance", async () => {
    await place("h2");
    await place("h3");
    await shop.deliver(UserDeletedSchema, { userId: "h3_h2" });
    const [two, three] = await Promise.all(["h2", "h3"].map((key) => readMoves(shop.database, key)));
    expect(two?.[1]).toMatchObject({ version: 2, to: "CANCELLED", eventType: UserDeletedSchema.typeName });
    expect(three?.[1]?.eventId).toBe(two?.[1]?.eventId);
  });

  it("has no trace of what was ignored, refused or rolled back", async () => {
    await place("h4");
    await expect(shop.deliver(PaymentDeclinedSchema, { orderId: "h4" })).rejects.toThrow("no disk");
    expect(await place("h4")).toMatchObject({ outcome: "refused" });
    await shop.deliver(PaymentAuthorisedSchema, { orderId: "h4" });
    await shop.deliver(PaymentAuthorisedSchema, { orderId: "h5" }).catch(() => undefined);
    expect((await readMoves(shop.database, "h4")).map(({ to }) => to)).toEqual(["PENDING", "CONFIRMED"]);
    expect(await readMoves(shop.database, "h5")).toEqual([]);
  });

  it("numbers without a gap when many come at once", async () => {
    const keys = Array.from({ length: 10 }, (_, index) => `h6-${index}`);
    await Promise.all(keys.flatMap((key) => [place(key), place(key)]));
    await Promise.all(
      keys.flatMap((key) => [
        shop.deliver(PaymentAuthorisedSchema, { orderId: key }).catch(() => undefined),
        shop.saga.participants
          .command(OrderService.method.cancelOrder, key, async () => ({
            emit: event(OrderCancelledSchema, { orderId: key }),
            value: undefined,
          }))
          .catch(() => undefined),
      ]),
    );
    for (const key of keys) {
      const moves = await readMoves(shop.database, key);
      expect(moves.map(({ version, from }) => [version, from])).toEqual([
        [1, "NONE"],
        [2, "PENDING"],
      ]);
      expect(moves[1]?.to).toBe(await shop.state(key));
    }
  });

  it("says which steps a timer took", async () => {
    await using own = await sagaFixture(order, orders, { timers: { OnDeadline: 0 } });
    await place("h7", own);
    await own.saga.worker.start();
    await expect.poll(() => own.state("h7"), patience).toBe("CANCELLED");
    await own.saga.worker.stop();
    const [, fired] = await readMoves(own.database, "h7");
    expect(fired).toMatchObject({
      by: "timer",
      rpc: reaction("OnDeadline"),
      announced: ["shop.order.v1.OrderCancelled"],
    });
    expect(fired?.eventId).toBeUndefined();
  });

  it("says which steps the outcome of a call took, in the trace of the step that asked for it", async () => {
    await using own = await sagaFixture(payment, payments);
    await own.deliver(StockReservedSchema, { orderId: "p1" });
    await own.saga.worker.start();
    await expect.poll(() => own.state("p1"), patience).toBe("AUTHORISED");
    await own.saga.worker.stop();
    const [asked, known] = await readMoves(own.database, "p1");
    expect(asked).toMatchObject({ by: "event", from: "NONE", to: "AUTHORISING", announced: [] });
    expect(known).toMatchObject({ by: "effect", from: "AUTHORISING", to: "AUTHORISED" });
    expect(known?.traceparent).toMatch(/^00-[0-9a-f]{32}-/);
    const [announced] = await own.database.orm.select().from(outbox);
    expect(announced?.headers.traceparent?.slice(0, 35)).toBe(known?.traceparent?.slice(0, 35));
  });
});

describe("old history", () => {
  it("is forgotten once its instance has come to its end; what is open stays", async () => {
    await using own = await sagaFixture(order, orders, { historyMs: 0 });
    for (const key of ["open", "ended"]) await place(key, own);
    await own.deliver(PaymentAuthorisedSchema, { orderId: "ended" });
    expect(order.participant?.final).toContain(await own.state("ended"));
    await own.saga.worker.start();
    await expect.poll(() => readMoves(own.database, "ended"), patience).toEqual([]);
    await own.saga.worker.stop();
    expect(await readMoves(own.database, "open")).toHaveLength(1);
    expect(await own.state("ended")).toBe("CONFIRMED");
  });

  it("is kept for a while after the end", async () => {
    await using own = await sagaFixture(order, orders, { historyMs: 3_600_000 });
    for (const key of ["long-ago", "just-now"]) {
      await place(key, own);
      await own.deliver(PaymentAuthorisedSchema, { orderId: key });
    }
    await own.database
      .sql`update heddle.participant set updated_at = now() - interval '2 hours' where key = 'long-ago'`;
    await own.saga.worker.start();
    await expect.poll(() => readMoves(own.database, "long-ago"), patience).toEqual([]);
    await own.saga.worker.stop();
    expect(await readMoves(own.database, "just-now")).toHaveLength(2);
  });
});
