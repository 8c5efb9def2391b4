import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserDeletedSchema } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { StockRejectedSchema } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import {
  file_shop_order_v1_order_events,
  OrderCancelledSchema,
  OrderPlacedSchema,
  OrderRejectedSchema,
} from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderReason, OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { readContract } from "#mesh/contract";
import { event, PermanentError } from "#mesh/events";
import type { ReactionHandlers } from "./handlers.ts";
import { type SagaFixture, sagaFixture } from "./saga.fixture.ts";

const contract = readContract({
  services: [OrderService],
  events: file_shop_order_v1_order_events,
  reactions: OrderReactionService,
});
const { placeOrder, cancelOrder, getOrder } = OrderService.method;

const handlers: ReactionHandlers<typeof OrderReactionService> = {
  onStockRejected: async ({ orderId }) => ({ event: { case: "orderRejected", value: { orderId } } }),
  onPaymentAuthorised: async ({ orderId }) => ({ event: { case: "orderConfirmed", value: { orderId } } }),
  onPaymentDeclined: async ({ orderId }) => ({ event: { case: "orderCancelled", value: { orderId } } }),
  // In the tests a user's id lists the orders to cancel.
  onUserDeleted: async ({ userId }) => ({ orderCancelled: userId.split("_").map((orderId) => ({ orderId })) }),
  onDeadline: async ({ key }) => ({ event: { case: "orderCancelled", value: { orderId: key } } }),
};

let order: SagaFixture;

beforeAll(async () => {
  order = await sagaFixture(contract, handlers);
});
afterAll(() => order[Symbol.asyncDispose]());

const place = (orderId: string) =>
  order.saga.participants.command(placeOrder, orderId, async () => ({
    emit: event(OrderPlacedSchema, { orderId }),
    value: orderId,
  }));

const cancel = (orderId: string) =>
  order.saga.participants.command(cancelOrder, orderId, async () => ({
    emit: event(OrderCancelledSchema, { orderId, reason: OrderReason.CANCELLED_BY_CUSTOMER }),
    value: orderId,
  }));

describe("a command", () => {
  it("moves, announces, arms the timer and hands the value back", async () => {
    expect(await place("c1")).toEqual({ outcome: "moved", from: "NONE", to: "PENDING", value: "c1" });
    expect(await order.state("c1")).toBe("PENDING");
    expect(await order.announced("c1")).toEqual(["OrderPlaced"]);
    expect(await order.timers("c1")).toEqual(["OnDeadline"]);
  });

  it("that leaves the timer's state drops the timer", async () => {
    await place("c2");
    expect(await cancel("c2")).toMatchObject({ outcome: "moved", from: "PENDING", to: "CANCELLED" });
    expect(await order.timers("c2")).toEqual([]);
  });

  it("is ignored where the contract says so", async () => {
    await place("c3");
    await cancel("c3");
    expect(await cancel("c3")).toEqual({ outcome: "ignored", state: "CANCELLED" });
    expect(await order.announced("c3")).toEqual(["OrderPlaced", "OrderCancelled"]);
  });

  it("is refused in any other state, without a trace", async () => {
    expect(await cancel("c4")).toEqual({ outcome: "refused", state: "NONE" });
    expect(await order.state("c4")).toBeUndefined();
    await place("c4");
    expect(await place("c4")).toEqual({ outcome: "refused", state: "PENDING" });
  });

  it("moves once when twenty come at once", async () => {
    await place("c5");
    const results = await Promise.all(Array.from({ length: 20 }, () => cancel("c5")));
    expect(results.filter(({ outcome }) => outcome === "moved")).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === "ignored")).toHaveLength(19);
    expect(await order.announced("c5")).toEqual(["OrderPlaced", "OrderCancelled"]);
  });

  it("starts once when twenty come at once", async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => place("c6")));
    expect(results.filter(({ outcome }) => outcome === "moved")).toHaveLength(1);
    expect(await order.announced("c6")).toEqual(["OrderPlaced"]);
  });

  it("whose decision throws changes nothing", async () => {
    const decide = async () => {
      throw new RangeError("too many");
    };
    await expect(order.saga.participants.command(placeOrder, "c7", decide)).rejects.toThrow(RangeError);
    expect(await order.state("c7")).toBeUndefined();
  });

  it("may not announce what its moves do not declare", async () => {
    const command = order.saga.participants.command(placeOrder, "c8", async () => ({
      emit: event(OrderRejectedSchema, { orderId: "c8" }),
      value: undefined,
    }));
    await expect(command).rejects.toThrow(
      /PlaceOrder announced shop\.order\.v1\.OrderRejected, which none of its moves/,
    );
    const silent = order.saga.participants.command(placeOrder, "c8", async () => ({ value: undefined }));
    await expect(silent).rejects.toThrow(/PlaceOrder answered with no event in the state NONE/);
    expect(await order.state("c8")).toBeUndefined();
  });

  it("must be declared to move the saga", async () => {
    const command = order.saga.participants.command(getOrder, "c9", async () => ({ value: undefined }));
    await expect(command).rejects.toThrow(/GetOrder moves no saga of shop\.order/);
  });
});

describe("a fan-out", () => {
  it("moves every instance that the handler lists", async () => {
    await Promise.all(["f1", "f2", "f3"].map(place));
    await order.deliver(UserDeletedSchema, { userId: "f2_f1" });
    expect(await Promise.all(["f1", "f2", "f3"].map(order.state))).toEqual(["CANCELLED", "CANCELLED", "PENDING"]);
    expect(await order.announced("f1")).toEqual(["OrderPlaced", "OrderCancelled"]);
    expect(await order.timers("f2")).toEqual([]);
  });

  it("refuses an instance that does not move, and moves none then", async () => {
    await Promise.all(["f4", "f5"].map(place));
    await order.deliver(StockRejectedSchema, { orderId: "f5" });
    const reception = order.deliver(UserDeletedSchema, { userId: "f4_f5" });
    await expect(reception).rejects.toThrow(PermanentError);
    await expect(reception).rejects.toThrow(/in the state REJECTED of checkout\/f5\. The handler must lock/);
    expect(await order.state("f4")).toBe("PENDING");
    expect(await order.announced("f4")).toEqual(["OrderPlaced"]);
  });
});
