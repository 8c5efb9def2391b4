import { create, setExtension } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { MoveSchema, OnSchema, on, StepClass, TimerSchema } from "#gen/heddle/v1/saga_pb.ts";
import type { Check, SuccessionCheck } from "#mesh/verify";
import {
  addTimer,
  changeEffect,
  changeEvent,
  changeOn,
  changeParticipant,
  changePolicy,
  changeSaga,
  changeTimer,
  judge,
  type Mutable,
  move,
  type Place,
  remove,
  removeMove,
  removeRpc,
  removeService,
  rpc,
  withoutTombstone,
} from "./mutant.fixture.ts";

const placed: Place = ["inventory/reactions", "OnOrderPlaced"];
const sold: Place = ["inventory/reactions", "OnOrderConfirmed"];
const released: Place = ["inventory/reactions", "OnOrderCancelled"];
const begun: Place = ["payment/reactions", "OnStockReserved"];
const taken: Place = ["payment/reactions", "OnOrderConfirmed"];
const voided: Place = ["payment/reactions", "OnOrderCancelled"];
const authorise: Place = ["payment/reactions", "Authorise"];
const decided: Place = ["order/reactions", "OnPaymentAuthorised"];
const declined: Place = ["order/reactions", "OnPaymentDeclined"];
const rejected: Place = ["order/reactions", "OnStockRejected"];
const deadline: Place = ["order/reactions", "OnDeadline"];
const userDeleted: Place = ["order/reactions", "OnUserDeleted"];
const place: Place = ["order", "PlaceOrder"];
const cancel: Place = ["order", "CancelOrder"];

const expiring = (from: string, to: string, gives: string[] = []) =>
  create(TimerSchema, {
    armedIn: from,
    after: { seconds: 600n },
    moves: [{ from, to, class: StepClass.COMPENSATION, gives }],
  });

const mutants: [title: string, change: (contracts: Mutable) => void, by: "start" | "proof", said: string][] = [
  // Compensations
  ["the stock is never released", (c) => removeRpc(c, released), "start", "nothing undoes"],
  [
    "the release is no move",
    (c) => changeOn(c, released, ({ moves }) => removeMove(moves, "RESERVED", "RELEASED")),
    "start",
    "no move announces this step",
  ],
  [
    "money that is being asked for is not let go",
    (c) => changeOn(c, voided, ({ moves }) => removeMove(moves, "AUTHORISING", "VOIDING")),
    "start",
    'nothing undoes the compensatable step to "AUTHORISING"',
  ],
  [
    "money that is set aside is not let go",
    (c) => changeOn(c, voided, ({ moves }) => removeMove(moves, "AUTHORISED", "VOIDING")),
    "start",
    'nothing undoes the compensatable step to "AUTHORISED"',
  ],
  [
    "a compensation undoes something else",
    (c) =>
      changeOn(c, voided, ({ moves }) =>
        Object.assign(move(moves, "AUTHORISED", "VOIDING"), { compensates: "CAPTURING" }),
      ),
    "start",
    "which no compensatable step enters",
  ],
  [
    "taking the money is to be undone",
    (c) =>
      changeOn(c, taken, ({ moves }) =>
        Object.assign(move(moves, "AUTHORISED", "CAPTURING"), { class: StepClass.COMPENSATABLE }),
      ),
    "start",
    "nothing undoes",
  ],
  [
    "the provider is never told to void",
    (c) => removeRpc(c, ["payment/reactions", "Void"]),
    "start",
    'nothing leaves the state "VOIDING"',
  ],
  [
    "the provider is never told to capture",
    (c) => removeRpc(c, ["payment/reactions", "Capture"]),
    "start",
    'nothing leaves the state "CAPTURING"',
  ],
  // Tombstones
  [
    "the inventory has no tombstone",
    (c) => withoutTombstone(c, released, placed),
    "proof",
    "unspecified reception: OrderCancelled reaches inventory in NONE",
  ],
  [
    "the payment has no tombstone",
    (c) => withoutTombstone(c, voided, begun),
    "proof",
    "unspecified reception: OrderCancelled reaches payment in NONE",
  ],
  [
    "the inventory ignores an early cancellation",
    (c) => {
      withoutTombstone(c, released, placed);
      changeOn(c, released, ({ ignoredIn }) => ignoredIn.push("NONE"));
    },
    "proof",
    "inventory stays RESERVED for ever",
  ],
  [
    "the payment ignores an early cancellation",
    (c) => {
      withoutTombstone(c, voided, begun);
      changeOn(c, voided, ({ ignoredIn }) => ignoredIn.push("NONE"));
    },
    "proof",
    "payment stays AUTHORISED for ever",
  ],
  [
    "a late order waits behind a cancellation",
    (c) =>
      changeOn(c, placed, (value) => {
        remove(value.ignoredIn, "CANCELLED_EARLY");
        value.parkedIn.push("CANCELLED_EARLY");
      }),
    "proof",
    "OnOrderPlaced waits for ever",
  ],
  // Receptions
  [
    "the inventory cannot take a late order",
    (c) => changeOn(c, placed, ({ ignoredIn }) => remove(ignoredIn, "CANCELLED_EARLY")),
    "proof",
    "OrderPlaced reaches inventory in CANCELLED_EARLY",
  ],
  [
    "the payment cannot take late stock",
    (c) => changeOn(c, begun, ({ ignoredIn }) => remove(ignoredIn, "CANCELLED_EARLY")),
    "proof",
    "StockReserved reaches payment in CANCELLED_EARLY",
  ],
  [
    "the inventory cannot take the cancellation of a refusal",
    (c) => changeOn(c, released, ({ ignoredIn }) => remove(ignoredIn, "REJECTED")),
    "proof",
    "OrderCancelled reaches inventory in REJECTED",
  ],
  [
    "the payment cannot take the cancellation of a refusal",
    (c) => changeOn(c, voided, ({ ignoredIn }) => remove(ignoredIn, "DECLINED")),
    "proof",
    "OrderCancelled reaches payment in DECLINED",
  ],
  [
    "an order cannot take late missing stock",
    (c) => changeOn(c, rejected, ({ ignoredIn }) => remove(ignoredIn, "CANCELLED")),
    "proof",
    "StockRejected reaches order in CANCELLED",
  ],
  [
    "an order cannot take a late payment",
    (c) => changeOn(c, decided, ({ ignoredIn }) => remove(ignoredIn, "CANCELLED")),
    "proof",
    "PaymentAuthorised reaches order in CANCELLED",
  ],
  [
    "an order cannot take a late refusal",
    (c) => changeOn(c, declined, ({ ignoredIn }) => remove(ignoredIn, "CANCELLED")),
    "proof",
    "PaymentDeclined reaches order in CANCELLED",
  ],
  [
    "the provider's late answer has no place",
    (c) => changeEffect(c, authorise, ({ ignoredIn }) => remove(ignoredIn, "VOIDING")),
    "proof",
    "the result of Authorise reaches payment in VOIDING",
  ],
  [
    "a late cancellation is ignored where it must release",
    (c) =>
      changeOn(c, voided, (value) => {
        removeMove(value.moves, "AUTHORISING", "VOIDING");
        value.ignoredIn.push("AUTHORISING");
        Object.assign(move(value.moves, "AUTHORISED", "VOIDING"), { compensates: "AUTHORISED" });
        changeOn(c, begun, ({ moves }) =>
          Object.assign(move(moves, "NONE", "AUTHORISING"), { class: StepClass.RETRIABLE }),
        );
      }),
    "proof",
    "payment stays AUTHORISED for ever",
  ],
  [
    "a deleted user reaches orders one by one",
    (c) => changeOn(c, userDeleted, (value) => Object.assign(value, { fanOut: false })),
    "start",
    "the result cannot hold",
  ],
  // Moves to the wrong place
  [
    "sale and release are swapped",
    (c) => {
      changeOn(c, sold, ({ moves }) => Object.assign(move(moves, "RESERVED", "COMMITTED"), { to: "RELEASED" }));
      changeOn(c, released, ({ moves }) => Object.assign(move(moves, "RESERVED", "RELEASED"), { to: "COMMITTED" }));
    },
    "proof",
    "goods never leave the stock",
  ],
  [
    "a refused payment confirms",
    (c) =>
      changeOn(c, declined, ({ moves }) => Object.assign(move(moves, "PENDING", "CANCELLED"), { to: "CONFIRMED" })),
    "proof",
    "violated rule",
  ],
  [
    "a certain payment cancels",
    (c) => changeOn(c, decided, ({ moves }) => Object.assign(move(moves, "PENDING", "CONFIRMED"), { to: "CANCELLED" })),
    "start",
    'no move reaches the state "CONFIRMED"',
  ],
  [
    "a confirmed order can be cancelled",
    (c) =>
      changeOn(c, cancel, ({ moves }) => {
        moves.push(
          create(MoveSchema, {
            from: "CONFIRMED",
            to: "CANCELLED",
            emits: "OrderCancelled",
            class: StepClass.COMPENSATION,
            compensates: "PENDING",
          }),
        );
        changeParticipant(c, "order/reactions", ({ final }) => remove(final, "CONFIRMED"));
      }),
    "proof",
    "undone after the pivot",
  ],
  [
    "the payment begins before the stock is certain",
    (c) => {
      rpc(c, begun).inputType = ".shop.order.v1.OrderPlaced";
    },
    "proof",
    "no legal end: a rejected order never held anything",
  ],
  [
    "reserved stock counts as the end",
    (c) => changeParticipant(c, "inventory/reactions", ({ final }) => final.push("RESERVED")),
    "start",
    "which is final",
  ],
  [
    "the decider stays undecided",
    (c) =>
      changeTimer(c, deadline, ({ moves }) => Object.assign(move(moves, "PENDING", "CANCELLED"), { to: "PENDING" })),
    "proof",
    "timer without exit",
  ],
  // Events
  [
    "missing stock is not announced",
    (c) => changeOn(c, placed, ({ moves }) => Object.assign(move(moves, "NONE", "REJECTED"), { emits: "" })),
    "start",
    "no move announces this step",
  ],
  [
    "the payment's certainty is not announced",
    (c) =>
      changeEffect(c, authorise, ({ moves }) => Object.assign(move(moves, "AUTHORISING", "AUTHORISED"), { emits: "" })),
    "start",
    "no move announces this step",
  ],
  ["the order misses a refused payment", (c) => removeRpc(c, declined), "proof", "nobody consumes PaymentDeclined"],
  ["the order misses missing stock", (c) => removeRpc(c, rejected), "start", 'no move reaches the state "REJECTED"'],
  [
    "the inventory misses the confirmation",
    (c) => removeRpc(c, sold),
    "start",
    'no move reaches the state "COMMITTED"',
  ],
  [
    "a public event is not marked as such",
    (c) => changeEvent(c, "ProductUpdated", (value) => Object.assign(value, { public: false })),
    "proof",
    "nobody consumes ProductUpdated",
  ],
  // Time, and who decides
  ["there is no deadline", (c) => removeRpc(c, deadline), "proof", "critical delivery: order cannot do without"],
  [
    "the inventory lets reservations expire",
    (c) => addTimer(c, "inventory/reactions", expiring("RESERVED", "RELEASED", ["stock"])),
    "proof",
    "two arbiters",
  ],
  [
    "an expired reservation meets its confirmation",
    (c) => addTimer(c, "inventory/reactions", expiring("RESERVED", "RELEASED", ["stock"])),
    "proof",
    "OrderConfirmed reaches inventory in RELEASED",
  ],
  [
    "the payment lets authorisations expire",
    (c) => addTimer(c, "payment/reactions", expiring("AUTHORISED", "VOIDING")),
    "proof",
    "OrderConfirmed reaches payment in VOIDING",
  ],
  [
    "a clerk can release reserved stock",
    (c) => {
      const moves = [
        create(MoveSchema, {
          from: "RESERVED",
          to: "RELEASED",
          emits: "StockReleased",
          class: StepClass.COMPENSATION,
          gives: ["stock"],
        }),
      ];
      const options = rpc(c, ["inventory", "AdjustStock"]).options;
      if (options) setExtension(options, on, create(OnSchema, { saga: "checkout", moves }));
    },
    "proof",
    "two arbiters",
  ],
  [
    "the payment is the decider",
    (c) => changeSaga(c, (value) => Object.assign(value, { decider: "shop.payment" })),
    "proof",
    "pivot: OnPaymentAuthorised takes the pivot",
  ],
  [
    "nobody decides",
    (c) =>
      changeOn(c, decided, ({ moves }) =>
        Object.assign(move(moves, "PENDING", "CONFIRMED"), { class: StepClass.RETRIABLE }),
      ),
    "proof",
    "no step is the pivot",
  ],
  [
    "a step has no class",
    (c) =>
      changeOn(c, place, ({ moves }) =>
        Object.assign(move(moves, "NONE", "PENDING"), { class: StepClass.UNSPECIFIED }),
      ),
    "start",
    "which no compensatable step enters",
  ],
  [
    "a record has no class",
    (c) =>
      changeOn(c, placed, ({ moves }) =>
        Object.assign(move(moves, "NONE", "REJECTED"), { class: StepClass.UNSPECIFIED }),
      ),
    "proof",
    "step without class",
  ],
  [
    "money counts as something to be undone after the decision",
    (c) => {
      changeOn(c, taken, ({ moves }) =>
        Object.assign(move(moves, "AUTHORISED", "CAPTURING"), { class: StepClass.COMPENSATABLE }),
      );
      changeOn(c, voided, ({ moves }) =>
        moves.push(create(MoveSchema, { from: "CAPTURING", to: "VOIDING", class: StepClass.COMPENSATION })),
      );
    },
    "proof",
    "undone after the pivot: OnOrderConfirmed takes a step that belongs before the decision",
  ],
  [
    "a cancelled order can be cancelled for ever",
    (c) => changeOn(c, cancel, ({ moves }) => Object.assign(move(moves, "PENDING", "CANCELLED"), { to: "PENDING" })),
    "proof",
    "endless announcements: CancelOrder announces without end in PENDING",
  ],
  // What cannot come about
  [
    "nothing cancels early any more",
    (c) => {
      for (const rare of [cancel, deadline, userDeleted]) removeRpc(c, rare);
    },
    "proof",
    "unreachable state: inventory never comes to CANCELLED_EARLY",
  ],
  [
    "a move waits for what never happens",
    (c) => {
      for (const rare of [cancel, deadline, userDeleted]) removeRpc(c, rare);
    },
    "proof",
    "move never taken: nothing ever brings about the move from NONE to CANCELLED_EARLY",
  ],
  [
    "nobody announces an event that is consumed",
    (c) => removeService(c, "platform/identity/v1/identity_service.proto"),
    "proof",
    "event without announcer: no contract here announces platform.identity.v1.UserDeleted",
  ],
  [
    "an event that no step and no method announces",
    (c) => changePolicy(c, ["catalog", "UpdateProduct"], (value) => Object.assign(value, { emits: [] })),
    "start",
    "nothing announces this event",
  ],
  // Counters, rules, critical deliveries
  [
    "a reservation takes nothing",
    (c) => changeOn(c, placed, ({ moves }) => Object.assign(move(moves, "NONE", "RESERVED"), { takes: [] })),
    "proof",
    "every piece is free, reserved or sold",
  ],
  [
    "a release gives nothing back",
    (c) => changeOn(c, released, ({ moves }) => Object.assign(move(moves, "RESERVED", "RELEASED"), { gives: [] })),
    "proof",
    "every piece is free, reserved or sold",
  ],
  [
    "a sale gives back what it sells",
    (c) => changeOn(c, sold, ({ moves }) => Object.assign(move(moves, "RESERVED", "COMMITTED"), { gives: ["stock"] })),
    "proof",
    "every piece is free, reserved or sold",
  ],
  [
    "an order waits for stock instead of being rejected",
    (c) => changeOn(c, placed, ({ moves }) => Object.assign(move(moves, "NONE", "REJECTED"), { takes: ["stock"] })),
    "proof",
    "every piece is free, reserved or sold",
  ],
  [
    "a move takes of an unknown counter",
    (c) => changeOn(c, placed, ({ moves }) => Object.assign(move(moves, "NONE", "RESERVED"), { takes: ["stok"] })),
    "proof",
    'no counter "stok"',
  ],
  [
    "a rule names a state that there is not",
    (c) => changeSaga(c, ({ always }) => Object.assign(always[0] ?? {}, { cel: "order != 'CANCELED'" })),
    "proof",
    'did you mean "CANCELLED"',
  ],
  [
    "a rule names a participant that there is not",
    (c) => changeSaga(c, ({ always }) => Object.assign(always[0] ?? {}, { cel: "oder != 'CANCELLED'" })),
    "proof",
    'did you mean "order"',
  ],
  [
    "a saga has no legal ends",
    (c) => changeSaga(c, (value) => Object.assign(value, { atRest: [] })),
    "start",
    "names no legal end",
  ],
  [
    "a critical delivery is not marked",
    (c) => changeOn(c, voided, (value) => Object.assign(value, { critical: false })),
    "proof",
    "payment cannot do without OrderCancelled",
  ],
  [
    "a delivery is marked as critical for nothing",
    (c) => changeOn(c, placed, (value) => Object.assign(value, { critical: true })),
    "proof",
    "ends well without OrderPlaced",
  ],
];

it("accepts the contracts as they are", () => {
  expect(judge(() => undefined)).toEqual({ by: "nobody", said: [] });
});

const caught = new Set<string>();

it.each(mutants)("catches that %s", (_title, change, by, said) => {
  const outcome = judge(change);
  for (const each of outcome.by === "proof" ? outcome.said : []) caught.add(each.split(":")[0] ?? "");
  expect(outcome.said).toContainEqual(expect.stringContaining(said));
  expect(outcome.by).toBe(by);
});

/** Every check of a proof. Those that compare two versions of contracts have tests of their own. */
const checks: Readonly<Record<Exclude<Check, SuccessionCheck>, true>> = {
  "unspecified reception": true,
  "illegal resting state": true,
  "violated rule": true,
  "endless announcements": true,
  "undone after the pivot": true,
  "unreachable state": true,
  "move never taken": true,
  "two arbiters": true,
  pivot: true,
  "step without class": true,
  "timer without exit": true,
  "event without consumer": true,
  "event without announcer": true,
  "critical delivery": true,
  declaration: true,
};

it("has a mutant for every check", () => {
  expect(Object.keys(checks).filter((check) => !caught.has(check))).toEqual([]);
});
