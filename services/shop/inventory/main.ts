import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { run } from "#mesh/process";
import { inventoryService } from "./service.ts";

const service = inventoryService(readServiceConfig(InventoryService));
await run(service, { log: service.log });
