import { clone, create, getExtension, type MessageInitShape, setExtension } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DurationSchema,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Code } from "#gen/google/rpc/code_pb.ts";
import { error } from "#gen/heddle/v1/error_pb.ts";
import { event } from "#gen/heddle/v1/event_pb.ts";
import {
  BalanceAlgorithm,
  BalanceSchema,
  BreakerSchema,
  BulkheadSchema,
  CachingSchema,
  DeprecationSchema,
  EjectionSchema,
  FallbackSchema,
  HedgeSchema,
  policy,
  RateLimitSchema,
  type RateLimitSubject,
  RetryBudgetSchema,
  RetrySchema,
  StreamSchema,
  server,
} from "#gen/heddle/v1/policy_pb.ts";
import { type On, on, type Participant, participant, type Timer, timer } from "#gen/heddle/v1/saga_pb.ts";
import { ContractError } from "./faults.ts";
import { changedOrder, changePolicy, changeServer, type Files, found, method } from "./order-contract.fixture.ts";
import { readContract } from "./read-contract.ts";

/** Changes a copy of the order contract, reads it, and returns the faults. */
function faultsAfter(change: (files: Files) => void): readonly string[] {
  const sources = changedOrder(change);
  try {
    readContract(sources);
    return [];
  } catch (fault) {
    if (fault instanceof ContractError) return fault.faults;
    throw fault;
  }
}

function message(file: FileDescriptorProto, name: string): DescriptorProto {
  return found(file.messageType.find((candidate) => candidate.name === name));
}

function field(file: FileDescriptorProto, path: [message: string, field: string]): FieldDescriptorProto {
  return found(message(file, path[0]).field.find((candidate) => candidate.name === path[1]));
}

function changeOn(file: FileDescriptorProto, name: string, change: (value: On) => void): void {
  const options = found(method(file, name).options);
  const value = getExtension(options, on);
  change(value);
  setExtension(options, on, value);
}

function changeTimer(file: FileDescriptorProto, change: (value: Timer) => void): void {
  const options = found(method(file, "OnDeadline").options);
  const value = getExtension(options, timer);
  change(value);
  setExtension(options, timer, value);
}

function changeParticipant(file: FileDescriptorProto, change: (value: Participant) => void): void {
  const options = found(file.service[0]?.options);
  const value = getExtension(options, participant);
  change(value);
  setExtension(options, participant, value);
}

const rejected =
  "shop/order/reactions/v1/order_reactions.proto: shop.order.reactions.v1.OrderReactionService.OnStockRejected: ";
const placeOrder = "shop/order/v1/order_service.proto: shop.order.v1.OrderService.PlaceOrder: ";
const participantOf = "shop/order/reactions/v1/order_reactions.proto: shop.order.reactions.v1.OrderReactionService: ";

const getOrder = "shop/order/v1/order_service.proto: shop.order.v1.OrderService.GetOrder: ";

/** Limits how often one client may call GetOrder. */
function limited(service: FileDescriptorProto, ...limits: MessageInitShape<typeof RateLimitSchema>[]): void {
  const rateLimits = limits.map((limit) => create(RateLimitSchema, limit));
  changePolicy(service, "GetOrder", (value) => Object.assign(value, { rateLimits }));
}

/** Lets answers of a method be cached. */
function cached(service: FileDescriptorProto, name: string, caching: MessageInitShape<typeof CachingSchema>): void {
  changePolicy(service, name, (value) => Object.assign(value, { caching: create(CachingSchema, caching) }));
}

/** Makes GetOrder a stream of orders whose place is told by two fields. */
function streamed(service: FileDescriptorProto, requestField: string, responseField: string): void {
  found(method(service, "GetOrder")).serverStreaming = true;
  const stream = create(StreamSchema, { resume: { requestField, responseField } });
  changePolicy(service, "GetOrder", (value) => Object.assign(value, { stream }));
}

/** Deprecates GetOrder, as its policy says. */
function deprecated(service: FileDescriptorProto, init: { since: string; sunset?: string }, option = true): void {
  found(found(method(service, "GetOrder")).options).deprecated = option;
  const deprecation = create(DeprecationSchema, init);
  changePolicy(service, "GetOrder", (value) => Object.assign(value, { deprecation }));
}

const orderService = "shop/order/v1/order_service.proto: shop.order.v1.OrderService: ";

const faulty: [title: string, change: (files: Files) => void, fault: string][] = [
  [
    "a method without access",
    ({ service }) => changePolicy(service, "PlaceOrder", (value) => delete value.access),
    `${placeOrder}it says nowhere who may call it. Mend: add option (heddle.v1.policy).access.`,
  ],
  [
    "a deadline out of range",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, { deadline: create(DurationSchema, { seconds: 301n }) }),
      ),
    "deadline of 301000 ms is out of range",
  ],
  [
    "an event that does not exist, with the one that was meant",
    ({ service }) => changePolicy(service, "PlaceOrder", (value) => value.emits.push("OrderPlacd")),
    `"OrderPlacd" is no event of this service. Mend: name one of its events; did you mean "OrderPlaced"?.`,
  ],
  [
    "a read that announces",
    ({ service }) => {
      found(method(service, "PlaceOrder").options).idempotencyLevel = MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    },
    `${placeOrder}a method with NO_SIDE_EFFECTS announces events`,
  ],
  [
    "a command of a saga that the service has no part in",
    ({ service }) => changeOn(service, "PlaceOrder", (value) => Object.assign(value, { saga: "chekout" })),
    `${placeOrder}this service takes no part in saga "chekout"`,
  ],
  [
    "a command that parks",
    ({ service }) => changeOn(service, "CancelOrder", (value) => value.parkedIn.push("PENDING")),
    "a command can neither be parked nor fan out",
  ],
  [
    "a command that is to come in order",
    ({ service }) => changeOn(service, "CancelOrder", (value) => Object.assign(value, { ordered: true })),
    "nor is it a critical or ordered delivery",
  ],
  [
    "an unknown state, with the one that was meant",
    ({ reactions }) => changeOn(reactions, "OnStockRejected", (value) => value.ignoredIn.push("CONFIRMD")),
    `${rejected}there is no state "CONFIRMD". Mend: name a state of shop.order.v1.OrderStatus without prefix; did you mean "CONFIRMED"?.`,
  ],
  [
    "a move out of a final state",
    ({ reactions }) =>
      changeOn(reactions, "OnStockRejected", ({ moves }) => Object.assign(found(moves[0]), { from: "CONFIRMED" })),
    `${rejected}a move leaves "CONFIRMED", which is final`,
  ],
  [
    "a state that is both moved and ignored",
    ({ reactions }) => changeOn(reactions, "OnStockRejected", (value) => value.ignoredIn.push("PENDING")),
    `${rejected}the state "PENDING" is answered in two ways`,
  ],
  [
    "a move that the result cannot express",
    ({ reactions }) =>
      changeOn(reactions, "OnStockRejected", ({ moves }) =>
        Object.assign(found(moves[0]), { emits: "OrderConfirmed" }),
      ),
    `${rejected}the result cannot hold OrderConfirmed, which a move announces. Mend: add it to the oneof.`,
  ],
  [
    "a result that no move announces",
    ({ reactions }) =>
      changeOn(reactions, "OnStockRejected", ({ moves }) => Object.assign(found(moves[0]), { emits: "" })),
    "OnStockRejectedResult.order_rejected: no move announces this step",
  ],
  [
    "a result that holds something else than events",
    ({ reactions }) => {
      field(reactions, ["OnStockRejectedResult", "order_rejected"]).typeName = ".shop.order.v1.OrderedItem";
    },
    "OnStockRejectedResult.order_rejected: a result holds nothing but events of its own service",
  ],
  [
    "a reaction to a message that is no event",
    ({ reactions }) => {
      method(reactions, "OnStockRejected").inputType = ".shop.order.v1.OrderedItem";
    },
    `${rejected}shop.order.v1.OrderedItem is no event`,
  ],
  [
    "a reaction with two causes",
    ({ reactions }) =>
      setExtension(
        found(method(reactions, "OnStockRejected").options),
        timer,
        getExtension(found(method(reactions, "OnDeadline").options), timer),
      ),
    `${rejected}a reaction has exactly one cause`,
  ],
  [
    "a reaction with a policy",
    ({ reactions, service }) =>
      setExtension(
        found(method(reactions, "OnStockRejected").options),
        policy,
        getExtension(found(method(service, "GetOrder").options), policy),
      ),
    `${rejected}nobody calls a reaction, so it has no policy`,
  ],
  [
    "a streaming reaction",
    ({ reactions }) => {
      method(reactions, "OnStockRejected").serverStreaming = true;
    },
    `${rejected}a reaction cannot stream`,
  ],
  [
    "two reactions to one event",
    ({ reactions }) => {
      method(reactions, "OnPaymentDeclined").inputType = ".shop.inventory.v1.StockRejected";
    },
    "OnPaymentDeclined: shop.inventory.v1.StockRejected has a reaction already",
  ],
  [
    "a timer that is armed in a state that it does not leave",
    ({ reactions }) => changeTimer(reactions, (value) => Object.assign(value, { armedIn: "CONFIRMED" })),
    `OnDeadline: no move leaves "CONFIRMED", which arms the timer`,
  ],
  [
    "a timer without a time",
    ({ reactions }) => changeTimer(reactions, (value) => delete value.after),
    "OnDeadline: the timer has no time",
  ],
  [
    "states that are no enum",
    ({ reactions }) =>
      changeParticipant(reactions, (value) => Object.assign(value, { states: "shop.order.v1.Status" })),
    `${participantOf}there is no enum "shop.order.v1.Status"`,
  ],
  [
    "a state that is neither final nor left",
    ({ reactions }) => changeParticipant(reactions, ({ final }) => final.splice(final.indexOf("REJECTED"), 1)),
    `${participantOf}nothing leaves the state "REJECTED"`,
  ],
  [
    "a state that nothing enters",
    ({ service }) => {
      const states = found(service.enumType.find(({ name }) => name === "OrderStatus"));
      states.value.push({ ...found(states.value[1]), name: "ORDER_STATUS_SHIPPED", number: 9 });
    },
    `${participantOf}no move reaches the state "SHIPPED"`,
  ],
  [
    "an event that nothing announces",
    ({ events }) => {
      const copy = clone(FileDescriptorProtoSchema, events).messageType[0];
      events.messageType.push({ ...found(copy), name: "OrderShipped" });
    },
    "shop.order.v1.OrderShipped: nothing announces this event",
  ],
  [
    "an event whose key is no field",
    ({ events }) => {
      const options = found(message(events, "OrderPlaced").options);
      setExtension(options, event, { ...getExtension(options, event), key: "id" });
    },
    'shop.order.v1.OrderPlaced: key "id" names no string field',
  ],
  [
    "a reason without code",
    ({ errors }) => {
      const options = found(errors.enumType[0]?.value[1]?.options);
      setExtension(options, error, { ...getExtension(options, error), code: 0 });
    },
    "ORDER_ERROR_REASON_ORDER_NOT_FOUND: a reason needs an error code and a message",
  ],
  [
    "a service without a port",
    ({ service }) => {
      const options = found(service.service[0]?.options);
      setExtension(options, server, { ...getExtension(options, server), defaultPort: 0 });
    },
    "shop.order.v1.OrderService: it has no port to listen on",
  ],
  [
    "an option from a newer version",
    ({ service }) => {
      const options = found(method(service, "GetOrder").options);
      options.$unknown = [...(options.$unknown ?? []), { no: 50_850, wireType: 0, data: new Uint8Array([1]) }];
    },
    "GetOrder: option 50850 is unknown to this version of Heddle",
  ],
  [
    "a field from a newer version inside an option",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) => {
        value.$unknown = [{ no: 99, wireType: 0, data: new Uint8Array([1]) }];
      }),
    "GetOrder: field 99 of heddle.v1.Policy is unknown to this version of Heddle",
  ],
  [
    "a retried method without idempotency_level",
    ({ service }) =>
      changePolicy(service, "PlaceOrder", (value) => Object.assign(value, { retry: create(RetrySchema) })),
    `${placeOrder}it is retried though a second attempt may not be safe. Mend: add option idempotency_level`,
  ],
  [
    "a hedged method without idempotency_level",
    ({ service }) =>
      changePolicy(service, "PlaceOrder", (value) => Object.assign(value, { hedge: create(HedgeSchema) })),
    `${placeOrder}it is hedged though a second attempt may not be safe. Mend: add option idempotency_level`,
  ],
  [
    "a hedged method without a budget",
    ({ service }) => {
      changePolicy(service, "GetOrder", (value) => Object.assign(value, { hedge: create(HedgeSchema) }));
      changeServer(service, (value) =>
        Object.assign(value, { budget: create(RetryBudgetSchema, { unlimited: true }) }),
      );
    },
    "GetOrder: it is hedged without a budget. Mend: drop unlimited",
  ],
  [
    "a hedged method whose budget allows nothing",
    ({ service }) => {
      changePolicy(service, "GetOrder", (value) => Object.assign(value, { hedge: create(HedgeSchema) }));
      changeServer(service, (value) =>
        Object.assign(value, { budget: create(RetryBudgetSchema, { ratio: 0, minPerSecond: 0 }) }),
      );
    },
    "GetOrder: it is hedged, and the service's budget allows nothing",
  ],
  [
    "a method that is retried and hedged",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, { hedge: create(HedgeSchema), retry: create(RetrySchema) }),
      ),
    "GetOrder: it is both retried and hedged",
  ],
  [
    "a hedged stream",
    ({ service }) => {
      changePolicy(service, "GetOrder", (value) => Object.assign(value, { hedge: create(HedgeSchema) }));
      method(service, "GetOrder").serverStreaming = true;
    },
    "GetOrder: a stream cannot be hedged",
  ],
  [
    "a code that trying again does not change",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, { retry: create(RetrySchema, { codes: [Code.NOT_FOUND] }) }),
      ),
    "GetOrder: retry.codes has NOT_FOUND, which trying again does not change. Mend: name UNAVAILABLE, ",
  ],
  [
    "attempts that are cut short and not tried again",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, {
          retry: create(RetrySchema, { attemptTimeout: seconds(1n), codes: [Code.UNAVAILABLE] }),
        }),
      ),
    "GetOrder: retry.attempt_timeout ends attempts that codes does not retry. Mend: add DEADLINE_EXCEEDED to codes.",
  ],
  [
    "more attempts than a small system bears",
    ({ service }) =>
      changeServer(service, (value) => Object.assign(value, { retry: create(RetrySchema, { maxAttempts: 6 }) })),
    `${orderService}retry.max_attempts of 6 is out of range. Mend: choose 1 to 5.`,
  ],
  [
    "a backoff that ends before it begins",
    ({ service }) =>
      changeServer(service, (value) =>
        Object.assign(value, { retry: create(RetrySchema, { initialBackoff: seconds(2n), maxBackoff: seconds(1n) }) }),
      ),
    `${orderService}retry.max_backoff is shorter than initial_backoff`,
  ],
  [
    "a budget that is limited and unlimited",
    ({ service }) =>
      changeServer(service, (value) =>
        Object.assign(value, { budget: create(RetryBudgetSchema, { unlimited: true, ratio: 0.5 }) }),
      ),
    `${orderService}budget is unlimited and limited`,
  ],
  [
    "a breaker that opens at no failure at all",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, { breaker: create(BreakerSchema, { failureRate: 0 }) }),
      ),
    "GetOrder: breaker.failure_rate of 0 is out of range. Mend: choose over 0 to 1.",
  ],
  [
    "a breaker that is off and has a rate",
    ({ service }) =>
      changeServer(service, (value) =>
        Object.assign(value, { breaker: create(BreakerSchema, { off: true, failureRate: 0.1 }) }),
      ),
    `${orderService}breaker is off and says more. Mend: drop off or the rest.`,
  ],
  [
    "a bulkhead without a place",
    ({ service }) =>
      changeServer(service, (value) =>
        Object.assign(value, { bulkhead: create(BulkheadSchema, { maxConcurrent: 0 }) }),
      ),
    `${orderService}bulkhead.max_concurrent of 0 is out of range`,
  ],
  [
    "an ejection that is longer at first than at most",
    ({ service }) =>
      changeServer(service, (value) =>
        Object.assign(value, { ejection: create(EjectionSchema, { baseTime: seconds(20n), maxTime: seconds(10n) }) }),
      ),
    `${orderService}ejection.max_time of 10000 ms is out of range. Mend: choose 20000 to 3600000 ms.`,
  ],
  [
    "an affinity that is no field, with the one that was meant",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, {
          balance: create(BalanceSchema, { algorithm: BalanceAlgorithm.RING_HASH, affinity: "ids" }),
        }),
      ),
    `GetOrder: balance.affinity "ids" names no string field of shop.order.v1.GetOrderRequest. Mend: name one; did you mean "id"`,
  ],
  [
    "an affinity that nothing uses",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, { balance: create(BalanceSchema, { affinity: "id" }) }),
      ),
    "GetOrder: balance.affinity is for BALANCE_ALGORITHM_RING_HASH",
  ],
  [
    "an algorithm from a newer version",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, { balance: { ...create(BalanceSchema), algorithm: 99 } }),
      ),
    "GetOrder: there is no balance.algorithm 99",
  ],
  [
    "a fallback that would hide that nothing was done",
    ({ service }) =>
      changePolicy(service, "CancelOrder", (value) =>
        Object.assign(value, { fallback: create(FallbackSchema, { answer: { case: "empty", value: true } }) }),
      ),
    "CancelOrder: a fallback would hide that nothing was done",
  ],
  [
    "a fallback that says nothing",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) => Object.assign(value, { fallback: create(FallbackSchema) })),
    "GetOrder: fallback says nothing",
  ],
  [
    "a field from a newer version inside a part of an option",
    ({ service }) =>
      changeServer(service, (value) => {
        value.retry = { ...create(RetrySchema), $unknown: [{ no: 99, wireType: 0, data: new Uint8Array([1]) }] };
      }),
    `${orderService}field 99 of heddle.v1.Retry is unknown to this version of Heddle`,
  ],
  [
    "caching of what has an effect",
    ({ service }) => cached(service, "PlaceOrder", { maxAge: { seconds: 1n } }),
    `${placeOrder}answers are cached of unary methods with NO_SIDE_EFFECTS only. Mend: drop caching.`,
  ],
  [
    "caching without an age",
    ({ service }) => cached(service, "GetOrder", {}),
    `${getOrder}caching has no max_age. Mend: say how old an answer may be.`,
  ],
  [
    "caching for a moment",
    ({ service }) => cached(service, "GetOrder", { maxAge: { nanos: 1_000_000 } }),
    `${getOrder}caching.max_age of 1 ms is out of range. Mend: choose 1000 to 31536000000 ms.`,
  ],
  [
    "caches that keep for all what one may see",
    ({ service }) => cached(service, "GetOrder", { maxAge: { seconds: 1n }, shared: true }),
    `${getOrder}it shares answers that not everyone may see. Mend: drop caching.shared, or open it to AUDIENCE_PUBLIC.`,
  ],
  [
    "a rate limit without a number",
    ({ service }) => limited(service, {}),
    `${getOrder}rate_limits.requests of 0 is out of range. Mend: choose 1 to 1000000.`,
  ],
  [
    "a rate limit per moment",
    ({ service }) => limited(service, { requests: 1, period: { nanos: 1_000_000 } }),
    `${getOrder}rate_limits.period of 1 ms is out of range. Mend: choose 1000 to 86400000 ms.`,
  ],
  [
    "a rate limit that lets nobody through",
    ({ service }) => limited(service, { requests: 1, burst: 0 }),
    `${getOrder}rate_limits.burst of 0 is out of range. Mend: choose 1 to 1000000.`,
  ],
  [
    "a rate limit of somebody unknown",
    ({ service }) => limited(service, { requests: 1, per: 9 as RateLimitSubject }),
    `${getOrder}there is no rate_limits.per 9. Mend: name a RateLimitSubject.`,
  ],
  [
    "two rate limits of one kind",
    ({ service }) => limited(service, { requests: 1 }, { requests: 2, period: { seconds: 60n } }),
    `${getOrder}it has two limits per user and 60000 ms. Mend: keep the stricter one.`,
  ],
  [
    "a place in a stream that is none",
    ({ service }) =>
      changePolicy(service, "GetOrder", (value) => Object.assign(value, { stream: create(StreamSchema) })),
    `${getOrder}it has no stream of responses. Mend: drop stream from its policy.`,
  ],
  [
    "a place in a stream that no request can name, with the field that was meant",
    ({ service }) => streamed(service, "idd", "order.id"),
    `${getOrder}stream.resume.request_field "idd" names no field of shop.order.v1.GetOrderRequest. Mend: name one; did you mean "id"?.`,
  ],
  [
    "a place in a stream that no response tells",
    ({ service }) => streamed(service, "id", "order.items.name"),
    `${getOrder}stream.resume.response_field "order.items.name" names no field of shop.order.v1.GetOrderResponse`,
  ],
  [
    "a place in a stream that is a message",
    ({ service }) => streamed(service, "id", "order.total"),
    `${getOrder}stream.resume.response_field "order.total" is no single string or integer. Mend: name one that is.`,
  ],
  [
    "a place in a stream told in another type",
    ({ service }) => streamed(service, "id", "order.total.units"),
    `${getOrder}stream.resume joins id and order.total.units, which differ in type. Mend: join two strings or two integers.`,
  ],
  [
    "an end of a method that is not deprecated",
    ({ service }) => deprecated(service, { since: "2026-11-30" }, false),
    `${getOrder}deprecation is said of a method that is not deprecated. Mend: add option deprecated = true.`,
  ],
  [
    "a deprecation at no date",
    ({ service }) => deprecated(service, { since: "2026-02-30" }),
    `${getOrder}deprecation.since "2026-02-30" is no date. Mend: write a date such as 2026-11-30.`,
  ],
  [
    "an end at no date",
    ({ service }) => deprecated(service, { since: "2026-11-30", sunset: "soon" }),
    `${getOrder}deprecation.sunset "soon" is no date`,
  ],
  [
    "an end before the deprecation",
    ({ service }) => deprecated(service, { since: "2026-11-30", sunset: "2026-11-29" }),
    `${getOrder}deprecation.sunset is before deprecation.since. Mend: exchange them.`,
  ],
];

function seconds(count: bigint) {
  return create(DurationSchema, { seconds: count });
}

describe("a contract is refused with file, element and mend", () => {
  it("finds nothing wrong with the unchanged contract", () => {
    expect(faultsAfter(() => undefined)).toEqual([]);
  });

  it("reads where a stream goes on", () => {
    const sources = changedOrder(({ service }) => streamed(service, "id", "order.id"));
    const { resume } = found(readContract(sources).methods.get(found(sources.services[0].method.getOrder)));
    expect(resume).toMatchObject({
      request: { path: "id", parents: [], field: { name: "id" } },
      response: { path: "order.id", parents: [{ name: "order" }], field: { name: "id" } },
    });
  });

  it.each(faulty)("for %s", (_title, change, fault) => {
    expect(faultsAfter(change)).toContainEqual(expect.stringContaining(fault));
  });

  it("shows all faults at once", () => {
    const faults = faultsAfter(({ service }) => {
      changePolicy(service, "PlaceOrder", (value) => delete value.access);
      changePolicy(service, "GetOrder", (value) => delete value.access);
    });
    expect(faults).toHaveLength(2);
  });
});
