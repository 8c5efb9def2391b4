import { describe, expect, expectTypeOf, it } from "vitest";
import type { EffectDue, TimerFired } from "#gen/heddle/v1/saga_pb.ts";
import type { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import type { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import type { OrderPlaced } from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderStatus, OrderStatusSchema } from "#gen/shop/order/v1/order_service_pb.ts";
import type { PaymentReactionService } from "#gen/shop/payment/reactions/v1/payment_reactions_pb.ts";
import { PaymentStatus, PaymentStatusSchema } from "#gen/shop/payment/v1/payment_service_pb.ts";
import type { EffectContext, ReactionContext, ReactionHandlers } from "./handlers.ts";
import { stateValue } from "./state-value.ts";

type Inventory = ReactionHandlers<typeof InventoryReactionService>;
type Payment = ReactionHandlers<typeof PaymentReactionService>;

describe("the type of handlers", () => {
  it("is total over the rpcs", () => {
    type Names = "onOrderPlaced" | "onOrderConfirmed" | "onOrderCancelled" | "onProductCreated";
    expectTypeOf<keyof Inventory>().toEqualTypeOf<Names>();
    // @ts-expect-error one is missing
    const three: Inventory = { onOrderPlaced: fine, onOrderConfirmed: nothing, onProductCreated: nothing };
    expect(three).toBeDefined();
  });

  it("gives events, timers and effects to their handlers", () => {
    expectTypeOf<Parameters<Inventory["onOrderPlaced"]>>().toEqualTypeOf<[OrderPlaced, ReactionContext]>();
    type Deadline = ReactionHandlers<typeof OrderReactionService>["onDeadline"];
    expectTypeOf<Parameters<Deadline>>().toEqualTypeOf<[TimerFired, ReactionContext]>();
    expectTypeOf<Parameters<Payment["capture"]>>().toEqualTypeOf<[EffectDue, EffectContext]>();
  });

  it("refuses an outcome that the rpc does not declare", () => {
    // @ts-expect-error StockCommitted is no outcome of OnOrderPlaced
    const wrongStep: Inventory["onOrderPlaced"] = async () => ({ event: { case: "stockCommitted", value: {} } });
    // @ts-expect-error nothing follows OnProductCreated
    const something: Inventory["onProductCreated"] = async () => ({ event: { case: "stockReserved", value: {} } });
    // @ts-expect-error an effect's outcome is wrapped, because it may have something to record
    const bare: Payment["void"] = async () => ({ event: { case: "paymentVoided", value: {} } });
    // @ts-expect-error PaymentVoided is no outcome of Capture
    const late: Payment["capture"] = async () => ({ result: { event: { case: "paymentVoided", value: {} } } });
    expect([wrongStep, something, bare, late]).toHaveLength(4);
  });
});

describe("stateValue", () => {
  it("finds the number of a stored state", () => {
    expect(stateValue(OrderStatusSchema, "PENDING")).toBe(OrderStatus.PENDING);
    expect(stateValue(PaymentStatusSchema, "CANCELLED_EARLY")).toBe(PaymentStatus.CANCELLED_EARLY);
    expect(stateValue(OrderStatusSchema, "NONE")).toBe(OrderStatus.UNSPECIFIED);
  });

  it("throws for a name that is none", () => {
    expect(() => stateValue(OrderStatusSchema, "UNSPECIFIED")).toThrow('"UNSPECIFIED" is no state of shop.order.v1');
    expect(() => stateValue(OrderStatusSchema, "SHIPPED")).toThrow(RangeError);
  });
});

async function fine() {
  return {};
}

async function nothing() {
  return {};
}
