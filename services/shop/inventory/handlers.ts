import type { MessageInitShape } from "@bufbuild/protobuf";
import { InventoryErrorReason as Reason } from "#gen/shop/inventory/v1/inventory_errors_pb.ts";
import { AvailabilityChangedSchema, StockAdjustedSchema } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService, type StockSchema } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import type { Database } from "#mesh/db";
import { event, type Outbox } from "#mesh/events";
import { Refusal } from "#mesh/refusal";
import type { RpcHandlers } from "#mesh/rpc";
import { findStock, lockStock, saveStock } from "./repository.ts";
import { adjust, availabilityChanges, available, type StockLevel } from "./stock.ts";

/** What the handlers need. */
export interface HandlerParts {
  readonly database: Database;
  readonly outbox: Outbox;
}

/** Answers the calls of InventoryService. */
export function inventoryHandlers({ database, outbox }: HandlerParts): RpcHandlers<typeof InventoryService> {
  return {
    async getStock({ productId }) {
      const level = await findStock(database.orm, productId);
      return { stock: toStock(requireStock(level, productId)) };
    },

    async adjustStock({ productId, delta, reason }) {
      return database.transaction(async (tx) => {
        const [locked] = await lockStock(tx, [productId]);
        const before = requireStock(locked, productId);
        const after = adjust(before, delta);
        await saveStock(tx, [after]);
        const adjusted = { productId: after.productId, delta, reason, onHand: after.onHand };
        const changes = availabilityChanges([before], [after]);
        await outbox.announce(
          tx,
          InventoryService.method.adjustStock,
          event(StockAdjustedSchema, adjusted),
          ...changes.map((change) => event(AvailabilityChangedSchema, change)),
        );
        return { stock: toStock(after) };
      });
    },
  };
}

function requireStock(level: StockLevel | undefined, productId: string): StockLevel {
  if (!level) throw new Refusal(Reason.STOCK_NOT_FOUND, { product_id: productId });
  return level;
}

function toStock(level: StockLevel): MessageInitShape<typeof StockSchema> {
  return { ...level, available: available(level) };
}
