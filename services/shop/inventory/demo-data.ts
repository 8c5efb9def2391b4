import { AvailabilityChangedSchema, StockAdjustedSchema } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { event } from "#mesh/events";
import type { HandlerParts } from "./handlers.ts";
import { claimSeeding, lockStock, openStock, saveStock } from "./repository.ts";
import { adjust, availabilityChanges, gather, type Item } from "./stock.ts";

/** Pieces of the shop's demo products: 24 of them, of the last one exactly one piece. */
export const demoStock: readonly Item[] = gather(
  Array.from({ length: 24 }, (_, index) => ({
    productId: `01980000-0000-7000-8000-0000000000${String(index + 1).padStart(2, "0")}`,
    quantity: index === 23 ? 1 : 100 + ((index * 377) % 901),
  })),
);

/** Puts the demo stock in, once for good: starting again, or in several processes at once, adds nothing. */
export async function seedDemoStock({ database, outbox }: HandlerParts): Promise<void> {
  await database.transaction(async (tx) => {
    if (!(await claimSeeding(tx, "demo stock"))) return;
    const productIds = demoStock.map((item) => item.productId);
    await openStock(tx, productIds);
    const before = await lockStock(tx, productIds);
    const deltas = new Map(demoStock.map((item) => [item.productId, item.quantity]));
    const after = before.map((level) => adjust(level, deltas.get(level.productId) ?? 0));
    await saveStock(tx, after);
    await outbox.announce(
      tx,
      InventoryService.method.adjustStock,
      ...after.map(({ productId, onHand }) =>
        event(StockAdjustedSchema, { productId, delta: deltas.get(productId), reason: "demo data", onHand }),
      ),
      ...availabilityChanges(before, after).map((change) => event(AvailabilityChangedSchema, change)),
    );
  });
}
