import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { MoveSchema, StepClass } from "#gen/heddle/v1/saga_pb.ts";
import { checkOrder, checkSuccession, deploymentOrder, verifyTogether } from "#mesh/verify";
import { createLocator } from "../../scripts/source-lines.ts";
import { place } from "../../scripts/verify-report.ts";
import {
  changeEvent,
  changeOn,
  changeParticipant,
  changeSaga,
  image,
  type Mutable,
  move,
  type Place,
  prove,
  remove,
  removeMove,
  removeRpc,
  rpc,
  withoutTombstone,
} from "./mutant.fixture.ts";

type Change = (contracts: Mutable) => void;

const unchanged: Change = () => undefined;
const placed: Place = ["inventory/reactions", "OnOrderPlaced"];
const released: Place = ["inventory/reactions", "OnOrderCancelled"];
const begun: Place = ["payment/reactions", "OnStockReserved"];
const voided: Place = ["payment/reactions", "OnOrderCancelled"];
const declined: Place = ["order/reactions", "OnPaymentDeclined"];
const deadline: Place = ["order/reactions", "OnDeadline"];
const userDeleted: Place = ["order/reactions", "OnUserDeleted"];
const cancel: Place = ["order", "CancelOrder"];

function read(change: Change) {
  return prove(change, { sagas: 1 }).system;
}

/** Compares changed contracts with those as they are, or with older ones. */
function findings(change: Change, back: Change = unchanged) {
  return checkSuccession({ now: read(change), before: read(back) });
}

/** Gives an event another name, everywhere. */
function rename({ files }: Mutable, from: string, to: string): void {
  const changed = (typeName: string) =>
    typeName.endsWith(`.${from}`) ? typeName.slice(0, -from.length) + to : typeName;
  for (const message of files.flatMap(({ messageType }) => messageType)) {
    if (message.name === from) message.name = to;
    for (const field of message.field) field.typeName = changed(field.typeName);
  }
  for (const method of files.flatMap(({ service }) => service).flatMap((each) => each.method)) {
    method.inputType = changed(method.inputType);
  }
}

function renameStockReserved(contracts: Mutable): void {
  rename(contracts, "StockReserved", "StockSetAside");
  changeOn(contracts, placed, ({ moves }) =>
    Object.assign(move(moves, "NONE", "RESERVED"), { emits: "StockSetAside" }),
  );
}

/** An order can be given up by nothing but a refused payment, and then everybody has heard of it. */
function withoutCancelling(contracts: Mutable): void {
  removeRpc(contracts, cancel);
  removeRpc(contracts, deadline);
  removeRpc(contracts, userDeleted);
  withoutTombstone(contracts, released, placed);
  withoutTombstone(contracts, voided, begun);
  changeSaga(contracts, ({ atRest }) => {
    for (const rule of atRest) rule.cel = rule.cel.replaceAll(", 'CANCELLED_EARLY'", "");
  });
}

describe("what old instances leave behind", () => {
  it("is taken up when nothing has changed, or something was added", () => {
    expect(findings(unchanged)).toEqual([]);
    expect(findings(unchanged, (c) => removeRpc(c, declined))).toEqual([]);
    expect(findings(unchanged, (c) => removeRpc(c, deadline))).toEqual([]);
  });

  const missed: [title: string, change: Change, check: string, element: string, problem: string][] = [
    [
      "an event that its consumer no longer takes in",
      (c) => removeRpc(c, declined),
      "removed reception",
      "OnPaymentDeclined",
      "shop.order no longer takes in PaymentDeclined, which may still be under way",
    ],
    [
      "an event that there is no more",
      renameStockReserved,
      "removed event",
      "StockReserved",
      "nobody announces StockReserved any more",
    ],
    [
      "an event with another key",
      (c) => changeEvent(c, "ProductUpdated", (value) => Object.assign(value, { key: "name" })),
      "changed key",
      "ProductUpdated",
      "the key of ProductUpdated was product_id and is name",
    ],
    [
      "an event on another subject",
      (c) => changeEvent(c, "ProductUpdated", (value) => Object.assign(value, { aggregate: "goods" })),
      "changed subject",
      "ProductUpdated",
      "was published on evt.shop.catalog.product.ProductUpdated.v1 and is on evt.shop.catalog.goods.ProductUpdated.v1",
    ],
    [
      "a state in which instances have ended",
      (c) => withoutTombstone(c, released, placed),
      "removed state",
      "ReservationState",
      "shop.inventory no longer knows the state CANCELLED_EARLY",
    ],
    [
      "an end that is no end any more",
      (c) =>
        changeOn(c, cancel, ({ moves }) => {
          const refund = { from: "CONFIRMED", to: "CANCELLED", emits: "OrderCancelled", compensates: "PENDING" };
          moves.push(create(MoveSchema, { ...refund, class: StepClass.COMPENSATION }));
          changeParticipant(c, "order/reactions", ({ final }) => remove(final, "CONFIRMED"));
        }),
      "removed final state",
      "OrderStatus",
      "CONFIRMED is no longer final at shop.order",
    ],
    [
      "an armed timer",
      (c) => removeRpc(c, deadline),
      "removed timer",
      "OnDeadline",
      "the timer OnDeadline of shop.order is gone, and instances in PENDING have armed it",
    ],
    [
      "a due call, by another name too",
      (c) => Object.assign(rpc(c, ["payment/reactions", "Capture"]), { name: "Take" }),
      "removed effect",
      "Capture",
      "the call Capture of shop.payment is gone, and for instances in CAPTURING it is due",
    ],
    [
      "a part in another saga",
      (c) => changeParticipant(c, "inventory/reactions", (value) => Object.assign(value, { saga: "returns" })),
      "removed participant",
      "InventoryReactionService",
      "shop.inventory no longer takes part in checkout",
    ],
  ];

  it.each(missed)("is missed where it is %s", (_title, change, ...[check, element, problem]) => {
    const [found, ...others] = findings(change);
    expect(found).toMatchObject({ check, element: { name: element }, problem: expect.stringContaining(problem) });
    expect(found?.mend).not.toBe("");
    // All that is named was there before, and this is where.
    expect(found && place(found.element, createLocator(image, "proto"))).toMatch(
      new RegExp(`^proto/shop/[a-z0-9_/]+\\.proto:\\d+ shop\\.[a-zA-Z0-9.]+\\.${element}$`),
    );
    expect(others).toEqual([]);
  });

  it("is missed as a whole where a service is gone", () => {
    const before = read(unchanged);
    const now = { ...before, contracts: before.contracts.filter(({ name }) => name !== "shop.shipping") };
    expect(checkSuccession({ now, before }).map(({ problem }) => problem)).toEqual([
      expect.stringContaining("nobody announces ShipmentCreated any more"),
      expect.stringContaining("no longer takes in StockCommitted"),
      expect.stringContaining("no longer takes in PaymentCaptured"),
      expect.stringContaining("no longer takes part in checkout"),
    ]);
  });

  it("is not missed where the event had been ignored before", () => {
    const ignored: Change = (c) => {
      rpc(c, declined).outputType = ".shop.inventory.reactions.v1.OnProductCreatedResult";
      changeOn(c, declined, (value) => {
        removeMove(value.moves, "PENDING", "CANCELLED");
        value.ignoredIn = ["NONE", "PENDING", "CONFIRMED", "REJECTED", "CANCELLED"];
      });
    };
    expect(findings((c) => removeRpc(c, declined), ignored)).toEqual([]);
  });
});

describe("what new instances announce to old ones", () => {
  it("asks for the consumer of a new event to be deployed before its announcer", () => {
    const succession = { now: read(unchanged), before: read(renameStockReserved) };
    const order = deploymentOrder(succession);
    expect(order).toEqual([{ consumer: "shop.payment", announcer: "shop.inventory", events: ["StockReserved"] }]);
    expect(checkOrder(order, succession)).toEqual([]);
  });

  it("asks for nothing where the consumer is new altogether, or knows the event", () => {
    const before = read(renameStockReserved);
    const contracts = before.contracts.filter(({ name }) => name !== "shop.payment");
    const order = deploymentOrder({ now: read(unchanged), before: { ...before, contracts } });
    expect(order.map(({ consumer }) => consumer)).not.toContain("shop.payment");
    expect(deploymentOrder({ now: before, before })).toEqual([]);
  });

  it("is refused where each would have to be the first", () => {
    const now = read(unchanged);
    const order = [
      { consumer: "shop.payment", announcer: "shop.inventory", events: ["StockReserved"] },
      { consumer: "shop.order", announcer: "shop.payment", events: ["PaymentDeclined"] },
      { consumer: "shop.inventory", announcer: "shop.order", events: ["OrderPlaced"] },
      { consumer: "shop.shipping", announcer: "shop.payment", events: ["PaymentCaptured"] },
    ];
    expect(checkOrder(order, { now, before: now }).map(({ problem }) => problem)).toEqual([
      "shop.payment must be deployed before shop.inventory to hear of StockReserved, and shop.inventory before shop.payment",
      "shop.order must be deployed before shop.payment to hear of PaymentDeclined, and shop.payment before shop.order",
      "shop.inventory must be deployed before shop.order to hear of OrderPlaced, and shop.order before shop.inventory",
    ]);
  });

  it("must be what old instances can take in, although each version is proven by itself", () => {
    const [now, before] = [read(unchanged), read(withoutCancelling)];
    const bounds = { sagas: 1, maxStates: 10_000, maxSeconds: 20, locate: ({ file }: { file: string }) => file };
    const together = (one: typeof now, other: typeof now) =>
      one.sagas.map((saga) => verifyTogether(saga, { now: one, before: other }, bounds));
    expect(together(before, before)).toMatchObject([{ verdict: "proven" }]);
    expect(together(now, now)).toMatchObject([{ verdict: "proven" }]);
    const [verdict] = together(now, before);
    expect(verdict?.findings.map(({ problem }) => problem)).toContain(
      "OrderCancelled reaches inventory in NONE, which says nothing about it",
    );
  });
});
