import { create } from "@bufbuild/protobuf";
import { eq } from "drizzle-orm";
import { expect, it } from "vitest";
import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { file_shop_inventory_v1_inventory_events } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import {
  file_shop_order_v1_order_events,
  OrderConfirmedSchema,
  OrderPlacedSchema,
} from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { type Contract, eventContract, readContract } from "#mesh/contract";
import { createDatabase, meshMigrations } from "#mesh/db";
import { createEvents, parked } from "#mesh/events";
import { group } from "#mesh/process";
import { silentLogger, testDatabases, testNats } from "#mesh/testing";
import { createSaga } from "./create-saga.ts";
import type { ReactionHandlers } from "./handlers.ts";
import { sagaMigrations } from "./migrations.ts";
import { patience } from "./saga.fixture.ts";
import { participant } from "./schema.ts";

const order = readContract({
  services: [OrderService],
  events: file_shop_order_v1_order_events,
  reactions: OrderReactionService,
});
const inventory = parkingConfirmations(
  readContract({
    services: [InventoryService],
    events: file_shop_inventory_v1_inventory_events,
    reactions: InventoryReactionService,
  }),
);

const handlers: ReactionHandlers<typeof InventoryReactionService> = {
  onOrderPlaced: async ({ orderId }) => ({ event: { case: "stockReserved", value: { orderId } } }),
  onOrderConfirmed: async ({ orderId }) => ({ event: { case: "stockCommitted", value: { orderId } } }),
  onOrderCancelled: async () => ({}),
  onProductCreated: async () => ({}),
};

it("an event that came too early waits in the inbox and is taken in after its predecessor", async () => {
  await using databases = testDatabases();
  await using nats = await testNats();
  const log = silentLogger();
  const service = (contract: Contract) => {
    const name = databases.prefix + contract.name.replaceAll(".", "_");
    const migrations = [meshMigrations, sagaMigrations];
    return createDatabase({ postgresUrl: databases.postgresUrl, name, migrations, log });
  };
  const orders = service(order);
  const announcing = createEvents({ contract: order, database: orders, natsUrl: nats.url, log });
  const stock = service(inventory);
  const saga = createSaga({ contract: inventory, database: stock, log });
  const receiving = createEvents({
    contract: inventory,
    database: stock,
    natsUrl: nats.url,
    log,
    receive: saga.receive,
  });
  saga.connect(receiving);
  saga.handle(handlers);
  const all = group("test", [orders, stock, announcing, receiving, saga.worker]);
  await all.start();
  const announce = (schema: typeof OrderPlacedSchema | typeof OrderConfirmedSchema) =>
    orders.transaction(async (tx) => {
      const event = eventContract(schema);
      if (event) await announcing.outbox.append(tx, [{ event, message: create(schema, { orderId: "k1" }) }]);
    });
  const state = async () => {
    const rows = await stock.orm.select().from(participant).where(eq(participant.key, "k1"));
    return rows[0]?.state;
  };

  await announce(OrderConfirmedSchema);
  await expect.poll(() => stock.orm.select().from(parked), patience).toHaveLength(1);
  expect(await state()).toBe("NONE");
  await announce(OrderPlacedSchema);
  await expect.poll(state, patience).toBe("COMMITTED");
  await expect.poll(() => stock.orm.select().from(parked), patience).toHaveLength(0);
  await all.stop();
});

/** The contract as if OnOrderConfirmed were declared with parked_in: "NONE". */
function parkingConfirmations(from: Contract): Contract {
  if (!from.reactions) throw new TypeError("the contract has no reactions");
  const events = from.reactions.events.map((reaction) =>
    reaction.method.name === "OnOrderConfirmed" ? { ...reaction, parkedIn: ["NONE"] } : reaction,
  );
  return { ...from, reactions: { ...from.reactions, events } };
}
