import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterAll, expect, it } from "vitest";
import { AdminService, type TailEventsRequestSchema } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { InventoryErrorReasonSchema } from "#gen/shop/inventory/v1/inventory_errors_pb.ts";
import { file_shop_inventory_v1_inventory_events } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { OrderErrorReasonSchema } from "#gen/shop/order/v1/order_errors_pb.ts";
import {
  file_shop_order_v1_order_events,
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderPlacedSchema,
} from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import type { ServiceConfig } from "#mesh/config";
import { PermanentError } from "#mesh/events";
import { implement } from "#mesh/rpc";
import { createService } from "#mesh/service";
import { eventually } from "#mesh/testing";
import { inventoryHandlers } from "../../services/shop/inventory/handlers.ts";
import { inventoryReactions } from "../../services/shop/inventory/reactions.ts";
import { someUser, testMesh } from "../../services/shop/mesh.fixture.ts";
import { runHeddle } from "./command-line.ts";

/** Orders whose events the inventory cannot digest until it is mended. */
const poisoned = new Set<string>();
const mesh = await testMesh();
const order = await mesh.announcer({
  services: [OrderService],
  events: file_shop_order_v1_order_events,
  reactions: OrderReactionService,
  reasons: OrderErrorReasonSchema,
});
const inventory = (config: ServiceConfig) =>
  createService({
    services: [InventoryService],
    events: file_shop_inventory_v1_inventory_events,
    reactions: InventoryReactionService,
    reasons: InventoryErrorReasonSchema,
    migrations: join(import.meta.dirname, "../../services/shop/inventory/migrations"),
    config,
    build: (parts) => ({
      handlers: [implement(InventoryService, inventoryHandlers(parts))],
      reactions: {
        ...inventoryReactions,
        async onOrderPlaced({ orderId, userId, paymentMethod }) {
          if (poisoned.has(orderId)) throw new PermanentError("cannot digest this");
          return { event: { case: "stockReserved", value: { orderId, userId, paymentMethod } } };
        },
        async onOrderCancelled({ orderId }, { state }) {
          if (poisoned.has(orderId)) throw new PermanentError("cannot digest this");
          if (state === "NONE") return {};
          return { event: { case: "stockReleased", value: { orderId } } };
        },
        onOrderConfirmed: async ({ orderId }) => ({ event: { case: "stockCommitted", value: { orderId } } }),
      },
    }),
  });
const service = await mesh.start(inventory(mesh.config(InventoryService)));
const client = await mesh.client(AdminService, service.address);
const user = someUser("admin");
const admin = await mesh.as(user);

afterAll(() => mesh[Symbol.asyncDispose]());

const place = (orderId: string) =>
  order(OrderPlacedSchema, { orderId, userId: randomUUID(), items: [], paymentMethod: "pm_card_visa" });

/** Announces an order whose first event becomes a dead letter, and returns the letter. */
async function deadOrder() {
  const orderId = randomUUID();
  poisoned.add(orderId);
  await place(orderId);
  return eventually(async () => {
    const { deadLetters } = await client.listDeadLetters({ filter: { key: orderId } }, admin);
    expect(deadLetters).toHaveLength(1);
    return { orderId, id: deadLetters[0]?.id ?? 0n };
  });
}

it("is for admins only", async () => {
  const customer = await mesh.as(someUser("customer"));
  const calls = [
    (options?: typeof admin) => client.listSagas({}, options),
    (options?: typeof admin) => client.getSaga({ key: "o1" }, options),
    (options?: typeof admin) => client.listDeadLetters({}, options),
    (options?: typeof admin) => client.getDeadLetter({ id: 1n }, options),
    (options?: typeof admin) => client.replayDeadLetters({ ids: [1n], reason: "mended" }, options),
    (options?: typeof admin) => client.discardDeadLetters({ ids: [1n], reason: "mended" }, options),
    async (options?: typeof admin) => {
      for await (const answer of client.tailEvents({}, options)) return answer;
    },
    (options?: typeof admin) => client.listBacklogs({}, options),
    (options?: typeof admin) => client.getOutboxStatus({}, options),
  ];
  expect(calls).toHaveLength(AdminService.methods.length);
  for (const call of calls) {
    await expect(call()).rejects.toMatchObject({ code: Code.Unauthenticated });
    await expect(call(customer)).rejects.toMatchObject({ code: Code.PermissionDenied });
  }
  await expect(client.getSaga({ key: "o1" }, admin)).rejects.toMatchObject({ code: Code.NotFound });
  await expect(client.getDeadLetter({ id: 1n }, admin)).rejects.toMatchObject({ code: Code.NotFound });
});

it("shows what stands behind a dead letter, and replays it once the handler is mended", async () => {
  const { orderId, id } = await deadOrder();
  await order(OrderConfirmedSchema, { orderId });
  await eventually(async () => {
    const { parked } = await client.getSaga({ key: orderId }, admin);
    expect(parked).toMatchObject([{ type: "shop.order.v1.OrderConfirmed", waitingFor: `dead letter ${id}` }]);
    expect(parked[0]?.dueTime).toBeUndefined();
  });
  const letter = await client.getDeadLetter({ id }, admin);
  expect(letter.stack).toContain("cannot digest this\n    at ");
  expect(letter.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(JSON.parse(letter.payloadJson)).toMatchObject({ orderId, paymentMethod: "[redacted]" });
  expect(letter.payloadJson).not.toContain("pm_card_visa");

  const request = { ids: [id], reason: "the fix is out" };
  const dry = await client.replayDeadLetters({ ...request, dryRun: true }, admin);
  expect(dry.outcomes).toMatchObject([{ id, outcome: "would be done" }]);
  const failed = await client.replayDeadLetters(request, admin);
  expect(failed.outcomes).toMatchObject([{ id, outcome: "failed", error: expect.stringContaining("cannot digest") }]);
  poisoned.delete(orderId);
  expect((await client.replayDeadLetters(request, admin)).outcomes).toMatchObject([{ id, outcome: "done" }]);
  await eventually(async () => {
    const { participant, parked, deadLetters } = await client.getSaga({ key: orderId }, admin);
    expect(participant).toMatchObject({ state: "COMMITTED", final: true, version: 2 });
    expect([...parked, ...deadLetters]).toEqual([]);
  });
  const { audit, deadLetter } = await client.getDeadLetter({ id }, admin);
  expect(deadLetter?.state).toBe("replayed");
  expect(audit).toMatchObject([
    { action: "replay failed", who: user.id, reason: "the fix is out" },
    { action: "replayed", who: user.id },
  ]);
  expect((await client.replayDeadLetters(request, admin)).outcomes).toMatchObject([{ outcome: "not open" }]);
});

it("returns the steps that led to where a saga stands", async () => {
  const orderId = randomUUID();
  const placed = await place(orderId);
  const confirmed = await order(OrderConfirmedSchema, { orderId });
  const rpc = (name: string) => `shop.inventory.reactions.v1.InventoryReactionService.${name}`;
  await eventually(async () => {
    const { moves, participant } = await client.getSaga({ key: orderId }, admin);
    expect(moves).toMatchObject([
      {
        ...{ version: 1, from: "NONE", to: "RESERVED", cause: "event", rpc: rpc("OnOrderPlaced"), eventId: placed },
        ...{ eventType: OrderPlacedSchema.typeName, announced: ["shop.inventory.v1.StockReserved"] },
      },
      { version: 2, from: "RESERVED", to: "COMMITTED", eventId: confirmed, rpc: rpc("OnOrderConfirmed") },
    ]);
    expect(moves[1]?.time).toBeDefined();
    expect(moves[1]?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(participant).toMatchObject({ version: 2, movedBy: moves[1]?.rpc });
  });
});

/** Follows the events of one key and hands them out one by one. */
async function tailOf(request: MessageInitShape<typeof TailEventsRequestSchema>) {
  const leaving = new AbortController();
  const answers = client.tailEvents(request, { ...admin, signal: leaving.signal })[Symbol.asyncIterator]();
  const begun = await answers.next();
  expect(begun.value?.event).toBeUndefined();
  const next = async () => (await answers.next()).value?.event;
  return { next, answers, leave: () => leaving.abort() };
}

it("tells events as they are published, redacted, and again from a position or a time", async () => {
  const [orderId, other] = [randomUUID(), randomUUID()];
  const since = timestampNow();
  const tail = await tailOf({ key: orderId });
  await place(other);
  await place(orderId);
  const reserved = await tail.next();
  expect(reserved).toMatchObject({ type: "shop.inventory.v1.StockReserved", key: orderId, aggregateVersion: 1n });
  expect(JSON.parse(reserved?.payloadJson ?? "")).toMatchObject({ orderId, paymentMethod: "[redacted]" });
  await order(OrderConfirmedSchema, { orderId });
  const committed = await tail.next();
  expect(committed).toMatchObject({ type: "shop.inventory.v1.StockCommitted", aggregateVersion: 2n });
  tail.leave();
  await expect(tail.next()).rejects.toMatchObject({ code: Code.Canceled });

  const fromPosition = await tailOf({ from: { case: "sequence", value: committed?.sequence ?? 0n } });
  expect(await fromPosition.next()).toMatchObject({ eventId: committed?.eventId });
  fromPosition.leave();
  const fromTime = await tailOf({ type: "shop.inventory.v1.StockReserved", from: { case: "time", value: since } });
  const both = [await fromTime.next(), await fromTime.next()];
  expect(both.map((event) => event?.key).toSorted()).toEqual([orderId, other].toSorted());
  fromTime.leave();
});

it("ends its tails when the service stops, not when its time to finish is over", async () => {
  const own = await mesh.start(inventory(mesh.config(InventoryService)));
  const answers = (await mesh.client(AdminService, own.address)).tailEvents({}, admin)[Symbol.asyncIterator]();
  await answers.next();
  const ended = answers.next();
  await own.stop();
  expect(await ended).toEqual({ done: true, value: undefined });
});

it("counts what is behind: not delivered, in hand, parked and dead", async () => {
  const { orderId, id } = await deadOrder();
  await order(OrderCancelledSchema, { orderId });
  await eventually(async () => {
    const { backlogs } = await client.listBacklogs({}, admin);
    expect(backlogs).toMatchObject([
      {
        ...{ producer: "shop.order", reading: true, undelivered: 0n, unacknowledged: 0n, redelivered: 0n },
        ...{ parked: 1n, oldestParkTime: expect.anything(), deadLetters: 1n },
      },
      // Nobody plays the catalog here.
      { producer: "shop.catalog", reading: false, parked: 0n, deadLetters: 0n },
    ]);
    expect(backlogs[1]?.undelivered).toBeUndefined();
  });
  poisoned.delete(orderId);
  await client.discardDeadLetters({ ids: [id], reason: "a test order" }, admin);
});

it("counts alike errors and discards by filter, but not without ids or filter", async () => {
  const [first, second] = [await deadOrder(), await deadOrder()];
  const { groups } = await client.listDeadLetters({}, admin);
  expect(groups).toMatchObject([{ type: "shop.order.v1.OrderPlaced", count: 2 }]);
  const unasked = client.discardDeadLetters({ reason: "test orders" }, admin);
  await expect(unasked).rejects.toMatchObject({ code: Code.InvalidArgument });
  const filter = { errorHash: groups[0]?.errorHash ?? "" };
  const { outcomes } = await client.discardDeadLetters({ filter, reason: "test orders" }, admin);
  expect(outcomes).toMatchObject([first, second].map(({ id }) => ({ id, outcome: "discarded" })));
  expect((await client.listDeadLetters({}, admin)).deadLetters).toEqual([]);
});

it("shows and replays from the command line, and keeps failures apart", async () => {
  const { orderId, id } = await deadOrder();
  const authorization = new Headers(admin.headers).get("authorization") ?? "";
  const variables = {
    SHOP_INVENTORY_ADDRESS: service.address,
    HEDDLE_TLS: "off",
    HEDDLE_TOKEN: authorization.replace("Bearer ", ""),
  };
  const letter = `shop.inventory/${id}`;
  const shown = await runHeddle(["dead-letters", "show", letter], variables);
  expect(shown).toMatchObject({ code: 0, err: "" });
  expect(shown.out).toContain(`"paymentMethod":"[redacted]"`);
  expect(shown.out).toContain("PermanentError: cannot digest this");
  const replay = ["dead-letters", "replay", letter, "--reason", "the fix is out"];
  const failed = await runHeddle(replay, variables);
  expect(failed).toMatchObject({ code: 1, out: expect.stringContaining(`${letter}  failed: `) });
  poisoned.delete(orderId);
  expect(await runHeddle([...replay, "--dry-run"], variables)).toMatchObject({
    code: 0,
    out: `${letter}  would be done\n`,
  });
  expect(await runHeddle(replay, variables)).toMatchObject({ code: 0, out: `${letter}  done\n` });
  const { audit } = await client.getDeadLetter({ id }, admin);
  expect(audit.map(({ action, who }) => [action, who])).toEqual([
    ["replay failed", user.id],
    ["replayed", user.id],
  ]);
  expect(await runHeddle(["dead-letters", "show", "7"], variables)).toMatchObject({
    code: 1,
    err: expect.stringContaining("<service>/<id>"),
  });
});

it("lists, tries dry and discards from the command line, by filter and with a reason", async () => {
  const letters = [await deadOrder(), await deadOrder()].map(({ id }) => `shop.inventory/${id}`);
  const authorization = new Headers(admin.headers).get("authorization") ?? "";
  const token = authorization.replace("Bearer ", "");
  const run = (...args: string[]) =>
    runHeddle(["dead-letters", ...args], {
      HEDDLE_TLS: "off",
      SHOP_INVENTORY_ADDRESS: service.address,
      HEDDLE_TOKEN: token,
    });
  const listed = await run("list");
  // The other services are not there, which is told and does not hide the answer.
  expect(listed).toMatchObject({ code: 1, err: expect.stringContaining("shop.payment gave no answer") });
  const hash = /^shop\.inventory\s+2\s+OrderPlaced\s+([0-9a-f]{16})\s+PermanentError: cannot digest this$/m.exec(
    listed.out,
  );
  expect(hash).not.toBeNull();
  for (const letter of letters) expect(listed.out).toMatch(new RegExp(`^${letter}\\s+OrderPlaced\\s`, "m"));
  const filter = ["--error", hash?.[1] ?? "", "--reason", "test orders"];
  const told = (outcome: string) => letters.map((letter) => `${letter}  ${outcome}\n`).join("");
  expect((await run("discard", ...filter, "--dry-run")).out).toBe(told("would be done"));
  expect((await run("discard", ...filter)).out).toBe(told("discarded"));
  expect((await run("discard", ...filter)).out).toBe("no dead letters are meant\n");
  expect((await run("discard", letters[0] ?? "")).err).toContain("--reason");
  const shown = await run("show", letters[0] ?? "");
  expect(shown.out).toMatch(/\(discarded\)/);
  expect(shown.out).toContain(`discarded by ${user.id}: test orders`);
});

it("replays many in batches, the oldest first, and tells how far it has come", async () => {
  const orderIds = Array.from({ length: 25 }, () => randomUUID());
  for (const orderId of orderIds) {
    poisoned.add(orderId);
    await place(orderId);
  }
  const letters = await eventually(async () => {
    const { deadLetters } = await client.listDeadLetters({}, admin);
    expect(deadLetters).toHaveLength(orderIds.length);
    return deadLetters.map(({ id }) => Number(id)).toSorted((a, b) => a - b);
  });
  for (const orderId of orderIds) poisoned.delete(orderId);
  const authorization = new Headers(admin.headers).get("authorization") ?? "";
  const variables = {
    HEDDLE_TLS: "off",
    SHOP_INVENTORY_ADDRESS: service.address,
    HEDDLE_TOKEN: authorization.replace("Bearer ", ""),
  };
  const replay = ["dead-letters", "replay", "--type", OrderPlacedSchema.typeName, "--reason", "the fix is out"];
  const { out, err } = await runHeddle(replay, variables);
  expect(out).toBe(letters.map((id) => `shop.inventory/${id}  done\n`).join(""));
  expect(err).toMatch(/^20 of 25\n25 of 25\n/);
});

it("shows a critical event that fails for ever as one that is tried, and lets an admin end it", async () => {
  const orderId = randomUUID();
  await place(orderId);
  await eventually(async () => {
    expect((await client.getSaga({ key: orderId }, admin)).participant?.state).toBe("RESERVED");
  });
  poisoned.add(orderId);
  await order(OrderCancelledSchema, { orderId });
  const letter = await eventually(async () => {
    const { deadLetters } = await client.getSaga({ key: orderId }, admin);
    expect(deadLetters).toMatchObject([{ type: OrderCancelledSchema.typeName, state: "retrying" }]);
    return `shop.inventory/${deadLetters[0]?.id}`;
  });
  const authorization = new Headers(admin.headers).get("authorization") ?? "";
  const variables = {
    HEDDLE_TLS: "off",
    SHOP_INVENTORY_ADDRESS: service.address,
    HEDDLE_TOKEN: authorization.replace("Bearer ", ""),
  };
  const why = await runHeddle(["sagas", "why", orderId], variables);
  expect(why.out).toMatch(/shop\.inventory tries OrderCancelled again and again since \S+Z .*cannot digest this/);
  const listed = await runHeddle(["dead-letters", "list", "--key", orderId], variables);
  expect(listed.out).toMatch(new RegExp(`^${letter}\\s+OrderCancelled\\s+${orderId}\\s+retrying\\s`, "m"));
  const discard = ["dead-letters", "discard", letter, "--reason", "settled by hand"];
  expect(await runHeddle(discard, variables)).toMatchObject({ code: 0, out: `${letter}  discarded\n` });
  expect((await client.getSaga({ key: orderId }, admin)).deadLetters).toEqual([]);
});

it("lists participants page by page, filtered by state and rest", async () => {
  const orderIds = [randomUUID(), randomUUID(), randomUUID()].sort();
  for (const orderId of orderIds) await place(orderId);
  const filter = { state: "RESERVED", openOnly: true };
  const keys = async () => (await client.listSagas(filter, admin)).participants.map(({ key }) => key);
  await eventually(async () => expect(await keys()).toEqual(expect.arrayContaining(orderIds)));
  const all = await keys();
  const first = await client.listSagas({ ...filter, pageSize: 2 }, admin);
  const last = await client.listSagas({ ...filter, pageSize: 100, pageToken: first.nextPageToken }, admin);
  expect(first.participants).toHaveLength(2);
  expect([...first.participants, ...last.participants].map(({ key }) => key)).toEqual(all);
  expect(last.nextPageToken).toBe("");
  const old = await client.listSagas({ olderThan: { seconds: 3600n } }, admin);
  expect(old.participants).toEqual([]);
  const invented = client.listSagas({ pageToken: "invented" }, admin);
  await expect(invented).rejects.toMatchObject({ code: Code.InvalidArgument });
});

it("tells the state of the outbox", async () => {
  await eventually(async () => {
    const status = await client.getOutboxStatus({}, admin);
    expect(status).toMatchObject({ unpublished: 0n, publishing: true, connected: true });
    expect(status.oldestAge).toBeUndefined();
  });
});
