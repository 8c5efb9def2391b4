import { fileURLToPath } from "node:url";
import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { InventoryErrorReasonSchema } from "#gen/shop/inventory/v1/inventory_errors_pb.ts";
import { file_shop_inventory_v1_inventory_events as events } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { readEnvironment, type ServiceConfig, variable } from "#mesh/config";
import { implement } from "#mesh/rpc";
import { createService } from "#mesh/service";
import { seedDemoStock } from "./demo-data.ts";
import { inventoryHandlers } from "./handlers.ts";
import { inventoryReactions } from "./reactions.ts";

/** What the inventory takes from its environment besides what every service does. */
export interface InventorySettings {
  /** HEDDLE_DEMO_DATA: whether the demo products get stock. Default false. */
  readonly demoData: boolean;
}

/** Reads the inventory's own variables. Throws a ConfigurationError that lists every fault. */
export function readInventorySettings(env?: NodeJS.ProcessEnv): InventorySettings {
  return { demoData: readEnvironment({ HEDDLE_DEMO_DATA: variable.flag(false) }, env).HEDDLE_DEMO_DATA };
}

/** The inventory service, ready to start. */
export function inventoryService(config: ServiceConfig, settings: InventorySettings = readInventorySettings()) {
  return createService({
    services: [InventoryService],
    events,
    reactions: InventoryReactionService,
    reasons: InventoryErrorReasonSchema,
    migrations: fileURLToPath(new URL("migrations", import.meta.url)),
    config,
    build: (parts) => ({
      handlers: [implement(InventoryService, inventoryHandlers(parts))],
      reactions: inventoryReactions,
      seed: settings.demoData ? () => seedDemoStock(parts) : undefined,
    }),
  });
}
