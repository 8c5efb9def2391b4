import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { run } from "#mesh/process";
import { inventoryService } from "./service.ts";

await run(() => inventoryService(readServiceConfig(InventoryService)));
