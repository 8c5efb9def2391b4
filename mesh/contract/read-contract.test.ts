import { create } from "@bufbuild/protobuf";
import { MethodDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Code } from "#gen/google/rpc/code_pb.ts";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { IdentityErrorReasonSchema } from "#gen/platform/identity/v1/identity_errors_pb.ts";
import { file_platform_identity_v1_identity_events } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { OrderErrorReasonSchema } from "#gen/shop/order/v1/order_errors_pb.ts";
import { file_shop_order_v1_order_events, OrderPlacedSchema } from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { PaymentReactionService } from "#gen/shop/payment/reactions/v1/payment_reactions_pb.ts";
import { file_shop_payment_v1_payment_events } from "#gen/shop/payment/v1/payment_events_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { callPolicyOf } from "./read-call-policy.ts";
import { readContract } from "./read-contract.ts";

const order = () =>
  readContract({
    services: [OrderService],
    events: file_shop_order_v1_order_events,
    reactions: OrderReactionService,
    reasons: OrderErrorReasonSchema,
  });

describe("readContract", () => {
  it("names the service by its package and knows its port", () => {
    expect(order()).toMatchObject({ name: "shop.order", defaultPort: 50054 });
  });

  it("reads deadline, access and routes of a method, with the default deadline", () => {
    const method = order().methods.get(OrderService.method.placeOrder);
    expect(method).toMatchObject({ deadlineMs: 10_000, access: { audience: 2 } });
    expect(method?.http.map(({ pattern }) => pattern)).toEqual([{ case: "post", value: "/v1/orders" }]);
  });

  it("reads how often one client may call a method", () => {
    const { placeOrder, getOrder } = OrderService.method;
    expect(order().methods.get(placeOrder)?.rateLimits).toEqual([
      { per: "user", requests: 60, periodMs: 60_000, burst: 60 },
    ]);
    expect(order().methods.get(getOrder)?.rateLimits).toEqual([]);
  });

  it("knows how a method is called that says nothing about it, by whether it may be repeated", () => {
    const { placeOrder, getOrder } = OrderService.method;
    expect(order().methods.get(getOrder)?.calls).toMatchObject({
      idempotent: true,
      retry: { maxAttempts: 3, initialBackoffMs: 25, maxBackoffMs: 250, codes: new Set([Code.UNAVAILABLE]) },
      hedge: undefined,
      budget: { ratio: 0.2, minPerSecond: 10, ttlMs: 10_000 },
      balance: { algorithm: "least_requests", panicThreshold: 0.5 },
      own: { breaker: false, bulkhead: false },
    });
    expect(order().methods.get(placeOrder)?.calls).toMatchObject({ idempotent: false, retry: undefined });
  });

  it("knows how a method without a policy is called", () => {
    const method = {
      ...OrderService.method.getOrder,
      proto: create(MethodDescriptorProtoSchema, { name: "GetOrder" }),
    };
    expect(callPolicyOf(method)).toMatchObject({ deadlineMs: Number.POSITIVE_INFINITY, breaker: { minVolume: 20 } });
  });

  it("reads the moves of a command with the event they announce", () => {
    const command = order().methods.get(OrderService.method.placeOrder)?.command;
    expect(command?.moves).toMatchObject([{ from: "NONE", to: "PENDING", emits: { message: OrderPlacedSchema } }]);
  });

  it("gives an event its subject from package, aggregate, name and major version", () => {
    expect(order().events.get("shop.order.v1.OrderPlaced")?.subjectPrefix).toBe("evt.shop.order.order.OrderPlaced.v1");
  });

  it("reads states without their prefix, NONE for the zero value", () => {
    expect(order().participant).toMatchObject({
      saga: "checkout",
      stateNames: ["NONE", "PENDING", "CONFIRMED", "REJECTED", "CANCELLED"],
    });
  });

  it("reads timers and fan-out", () => {
    const reactions = order().reactions;
    expect(reactions?.timers).toMatchObject([{ armedIn: "PENDING", afterMs: 900_000 }]);
    expect(reactions?.events.filter(({ fanOut }) => fanOut).map(({ method }) => method.name)).toEqual([
      "OnUserDeleted",
    ]);
  });

  it("reads effects", () => {
    const { reactions } = readContract({
      services: [PaymentService],
      events: file_shop_payment_v1_payment_events,
      reactions: PaymentReactionService,
    });
    expect(reactions?.effects.map(({ dueIn, ignoredIn }) => [dueIn, ignoredIn])).toEqual([
      ["AUTHORISING", ["VOIDING", "VOIDED"]],
      ["CAPTURING", []],
      ["VOIDING", []],
    ]);
  });

  it("reads a process that serves two contracts", () => {
    const contract = readContract({
      services: [IdentityService, JsonWebKeyService],
      events: file_platform_identity_v1_identity_events,
      reasons: IdentityErrorReasonSchema,
    });
    expect(contract.name).toBe("platform.identity");
    expect([...contract.methods.keys()].map(({ name }) => name)).toContain("ListJsonWebKeys");
  });
});
