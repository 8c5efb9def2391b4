// The consuming service of the hop: it takes events in and does nothing with them.
import { setTimeout } from "node:timers/promises";
import { pino } from "pino";
import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { file_shop_inventory_v1_inventory_events } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { readContract } from "#mesh/contract";
import { afterCommit, createDatabase, meshMigrations } from "#mesh/db";
import { createEvents, type Receive } from "#mesh/events";
import { serve } from "./child.ts";
import { now } from "./clock.ts";

const [postgresUrl = "", natsUrl = ""] = process.argv.slice(2);
const contract = readContract({
  services: [InventoryService],
  events: file_shop_inventory_v1_inventory_events,
  reactions: InventoryReactionService,
});
const log = pino({ level: "warn" }, pino.destination(2));
const database = createDatabase({ postgresUrl, name: "bench_receiver", migrations: [meshMigrations], log });
let committed: [string, number][] = [];
const receive: Receive = async ({ key }, tx) => {
  afterCommit(tx, () => committed.push([key, now()]));
  return "done";
};
await database.start();
await createEvents({ contract, database, natsUrl, receive, log }).start();

/** Waits until `count` events were taken in since the last time, and says when each was committed. */
async function taken(count: number): Promise<[string, number][]> {
  while (committed.length < count) await setTimeout(10);
  const moments = committed;
  committed = [];
  return moments;
}

serve({ taken });
