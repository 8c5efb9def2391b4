import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ProductCreatedSchema } from "#gen/shop/catalog/v1/catalog_events_pb.ts";
import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { file_shop_inventory_v1_inventory_events } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderCancelledSchema, OrderConfirmedSchema, OrderPlacedSchema } from "#gen/shop/order/v1/order_events_pb.ts";
import { type Contract, readContract } from "#mesh/contract";
import { PermanentError } from "#mesh/events";
import type { ReactionHandlers } from "./handlers.ts";
import { note, type SagaFixture, sagaFixture } from "./saga.fixture.ts";

const contract = readContract({
  services: [InventoryService],
  events: file_shop_inventory_v1_inventory_events,
  reactions: InventoryReactionService,
});

const seen: string[] = [];
const handlers: ReactionHandlers<typeof InventoryReactionService> = {
  async onOrderPlaced({ orderId, paymentMethod }, { state }) {
    seen.push(`${orderId} ${state}`);
    if (paymentMethod === "none") return { event: { case: "stockRejected", value: { orderId } } };
    if (paymentMethod === "typo") return { event: { case: "stockReserved", value: { orderId: "another" } } };
    const availabilityChanged = [{ productId: "p1" }, { productId: "p2", available: true }];
    return { event: { case: "stockReserved", value: { orderId } }, availabilityChanged };
  },
  async onOrderConfirmed({ orderId }) {
    return { event: { case: "stockCommitted", value: { orderId } } };
  },
  async onOrderCancelled({ orderId, userId }, { state }) {
    if (state === "NONE" && userId !== "wrong") return {};
    return { event: { case: "stockReleased", value: { orderId } } };
  },
  async onProductCreated({ productId }, { tx, state, key }) {
    await note(tx, `${productId} ${key} "${state}"`);
    return {};
  },
};

let inventory: SagaFixture;

beforeAll(async () => {
  inventory = await sagaFixture(contract, handlers);
});
afterAll(() => inventory[Symbol.asyncDispose]());

describe("a reception", () => {
  it("that is allowed moves, and announces the step before the rest", async () => {
    expect(await inventory.deliver(OrderPlacedSchema, { orderId: "o1" })).toBe("done");
    expect(await inventory.state("o1")).toBe("RESERVED");
    expect(await inventory.announced()).toEqual(["StockReserved", "AvailabilityChanged", "AvailabilityChanged"]);
    await inventory.deliver(OrderConfirmedSchema, { orderId: "o1" });
    expect(await inventory.state("o1")).toBe("COMMITTED");
    const [row] = await inventory.database.sql`select * from heddle.participant where key = 'o1'`;
    expect(row).toMatchObject({ saga: "checkout", version: 2, moved_by: expect.stringContaining("OnOrderConfirmed") });
  });

  it("takes the move that the chosen outcome names", async () => {
    await inventory.deliver(OrderPlacedSchema, { orderId: "o2", paymentMethod: "none" });
    expect(await inventory.state("o2")).toBe("REJECTED");
  });

  it("that is ignored runs no handler and changes nothing", async () => {
    await inventory.deliver(OrderCancelledSchema, { orderId: "o3" });
    expect(await inventory.state("o3")).toBe("CANCELLED_EARLY");
    expect(await inventory.deliver(OrderPlacedSchema, { orderId: "o3" })).toBe("done");
    expect(await inventory.state("o3")).toBe("CANCELLED_EARLY");
    expect(await inventory.announced("o3")).toEqual([]);
    expect(seen.filter((call) => call.startsWith("o3"))).toEqual([]);
  });

  it("that is declared nowhere is a permanent error and an alarm that name what, where and the mend", async () => {
    const reception = inventory.deliver(OrderConfirmedSchema, { orderId: "o4" });
    await expect(reception).rejects.toThrow(PermanentError);
    await expect(reception).rejects.toThrow(
      /InventoryReactionService\.OnOrderConfirmed does not allow shop\.order\.v1\.OrderConfirmed in the state NONE of checkout\/o4\. Declare/,
    );
    expect(await inventory.state("o4")).toBeUndefined();
    const alarm = { saga: "checkout", key: "o4", state: "NONE", event: "shop.order.v1.OrderConfirmed" };
    expect(inventory.alarms).toContainEqual(expect.objectContaining({ level: "error", ...alarm }));
  });

  it("of an event that moves nothing only runs the handler", async () => {
    await inventory.deliver(ProductCreatedSchema, { productId: "p9" });
    expect(await inventory.notes()).toEqual(['p9 p9 ""']);
    expect(await inventory.state("p9")).toBeUndefined();
  });

  it("of bytes that are no message is a permanent error", async () => {
    const { database, saga } = inventory;
    const delivery = { type: "shop.order.v1.OrderPlaced", payload: Uint8Array.of(255), key: "o5", eventId: "e5" };
    const reception = database.transaction((tx) => saga.receive({ ...empty, ...delivery }, tx));
    await expect(reception).rejects.toThrow("The payload of e5 is no shop.order.v1.OrderPlaced");
  });

  it("of an event without a reaction is a permanent error", async () => {
    const { database, saga } = inventory;
    const reception = database.transaction((tx) => saga.receive({ ...empty, type: "shop.order.v1.Order" }, tx));
    await expect(reception).rejects.toThrow("shop.inventory declares no reaction to shop.order.v1.Order");
  });
});

describe("a handler", () => {
  it("that answers a step which the state does not allow is refused, and everything rolled back", async () => {
    const reception = inventory.deliver(OrderCancelledSchema, { orderId: "h1", userId: "wrong" });
    await expect(reception).rejects.toThrow(
      /OnOrderCancelled answered shop\.inventory\.v1\.StockReleased in the state NONE, .*inventory_reactions\.proto does not declare \(declared there: NONE → CANCELLED_EARLY without an event\)/,
    );
    expect(await inventory.state("h1")).toBeUndefined();
    expect(await inventory.announced("h1")).toEqual([]);
  });

  it("that answers with fields the result does not have is refused", async () => {
    const onOrderConfirmed = async () => ({ event: { case: "stockCommitted", value: {} }, availabilityChanged: [] });
    const replica = inventory.replica({ ...handlers, onOrderConfirmed });
    await inventory.deliver(OrderPlacedSchema, { orderId: "h2" });
    const reception = inventory.deliver(OrderConfirmedSchema, { orderId: "h2" }, replica);
    await expect(reception).rejects.toThrow(/OnOrderConfirmed returned availabilityChanged, which .* does not have/);
    expect(await inventory.state("h2")).toBe("RESERVED");
  });

  it("that announces the step of another instance is refused", async () => {
    const reception = inventory.deliver(OrderPlacedSchema, { orderId: "h3", paymentMethod: "typo" });
    await expect(reception).rejects.toThrow(
      /moves h3 but announces shop\.inventory\.v1\.StockReserved with the key anot/,
    );
    expect(await inventory.state("h3")).toBeUndefined();
  });

  it("that throws rolls everything back", async () => {
    const onOrderPlaced: typeof handlers.onOrderPlaced = async (_event, { tx }) => {
      await note(tx, "half");
      throw new Error("no disk");
    };
    const replica = inventory.replica({ ...handlers, onOrderPlaced });
    await expect(inventory.deliver(OrderPlacedSchema, { orderId: "h4" }, replica)).rejects.toThrow("no disk");
    expect(await inventory.notes()).not.toContain("half");
    expect(await inventory.state("h4")).toBeUndefined();
  });

  it("that is missing or unknown is noticed at once", () => {
    const { onOrderPlaced: _, ...rest } = handlers;
    expect(() => inventory.replica(rest)).toThrow("shop.inventory has no handler for onOrderPlaced");
    expect(() => inventory.replica({ ...handlers, onNothing: rest.onOrderCancelled })).toThrow(
      "shop.inventory declares no reaction onNothing",
    );
  });
});

describe("the first events of a key, at once", () => {
  it("take the first step once", async () => {
    const twins = ["a", "b"].map(() => inventory.deliver(OrderPlacedSchema, { orderId: "r1" }));
    const results = await Promise.allSettled(twins);
    // Without an inbox the twin is an illegal reception.
    expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(await inventory.state("r1")).toBe("RESERVED");
    expect(await inventory.announced("r1")).toEqual(["StockReserved"]);
  });

  it("come to a declared end in whichever order they are taken", async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `race-${index}`);
    await Promise.all(
      keys.flatMap((orderId) => [
        inventory.deliver(OrderCancelledSchema, { orderId }),
        inventory.deliver(OrderPlacedSchema, { orderId }),
      ]),
    );
    for (const key of keys) {
      const story = [await inventory.state(key), ...(await inventory.announced(key))];
      expect([["CANCELLED_EARLY"], ["RELEASED", "StockReserved", "StockReleased"]]).toContainEqual(story);
    }
  });
});

describe("a parked event", () => {
  it("waits until the state is left, and is released by that step", async () => {
    const parking = await sagaFixture(withParking(contract), handlers);
    await using _parking = parking;
    expect(await parking.deliver(OrderConfirmedSchema, { orderId: "k1" })).toBe("parked");
    expect(await parking.state("k1")).toBe("NONE");
    expect(parking.released).toEqual([]);
    await parking.deliver(OrderPlacedSchema, { orderId: "k1" });
    expect(parking.released).toEqual(["k1"]);
    expect(await parking.deliver(OrderConfirmedSchema, { orderId: "k1" })).toBe("done");
    expect(await parking.state("k1")).toBe("COMMITTED");
    expect(parking.released).toEqual(["k1"]);
  });
});

const empty = {
  eventId: "",
  type: "",
  subject: "",
  key: "",
  aggregateVersion: 1,
  time: new Date(0),
  trace: { traceId: "", spanId: "", sampled: false },
  correlationId: "",
  headers: {},
  payload: new Uint8Array(),
  deliveries: 1,
};

/** The contract as if OnOrderConfirmed were declared with parked_in: "NONE". */
function withParking(from: Contract): Contract {
  if (!from.reactions) throw new TypeError("the contract has no reactions");
  const events = from.reactions.events.map((reaction) =>
    reaction.method.name === "OnOrderConfirmed" ? { ...reaction, parkedIn: ["NONE"] } : reaction,
  );
  return { ...from, reactions: { ...from.reactions, events } };
}
