import type { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import type { Transaction } from "#mesh/db";
import type { ReactionHandlers } from "#mesh/saga";
import { findReservation, lockStock, openStock, saveReservation, saveStock } from "./repository.ts";
import { availabilityChanges, commit, gather, release, reserve, type StockLevel, shortProducts } from "./stock.ts";

/** What the inventory does when others announce something. */
export const inventoryReactions: ReactionHandlers<typeof InventoryReactionService> = {
  async onOrderPlaced({ orderId, userId, total, paymentMethod, items }, { tx }) {
    const wanted = gather(items);
    const before = await lockStock(tx, productIds(wanted));
    const short = shortProducts(before, wanted);
    if (short.length > 0) return { event: { case: "stockRejected", value: { orderId, productIds: short } } };
    const after = reserve(before, wanted);
    await saveStock(tx, after);
    await saveReservation(tx, orderId, wanted);
    return {
      event: { case: "stockReserved", value: { orderId, userId, total, paymentMethod } },
      availabilityChanged: availabilityChanges(before, after),
    };
  },

  async onOrderConfirmed({ orderId, userId, shippingAddress }, { tx }) {
    await settle(tx, orderId, commit);
    return { event: { case: "stockCommitted", value: { orderId, userId, shippingAddress } } };
  },

  async onOrderCancelled({ orderId }, { tx, state }) {
    // Nothing was set aside yet: the move leaves a tombstone against the order that is still to come.
    if (state === "NONE") return {};
    const availabilityChanged = await settle(tx, orderId, release);
    return { event: { case: "stockReleased", value: { orderId } }, availabilityChanged };
  },

  async onProductCreated({ productId }, { tx }) {
    await openStock(tx, [productId]);
    return {};
  },
};

async function settle(tx: Transaction, orderId: string, step: typeof commit | typeof release) {
  const items = await findReservation(tx, orderId);
  const before: StockLevel[] = await lockStock(tx, productIds(items));
  const after = step(before, items);
  await saveStock(tx, after);
  return availabilityChanges(before, after);
}

function productIds(items: readonly { productId: string }[]): string[] {
  return items.map((item) => item.productId);
}
