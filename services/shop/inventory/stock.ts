import { InventoryErrorReason as Reason } from "#gen/shop/inventory/v1/inventory_errors_pb.ts";
import { Refusal } from "#mesh/refusal";

/** Pieces of one product: those in the house, and those of them that are promised to orders. */
export interface StockLevel {
  readonly productId: string;
  readonly onHand: number;
  readonly reserved: number;
}

/** Pieces of a product that somebody wants. */
export interface Item {
  readonly productId: string;
  readonly quantity: number;
}

/** Most pieces of one product that the house can hold. */
export const maxOnHand = 1_000_000_000;

/** Pieces that can be ordered. */
export function available(level: StockLevel): number {
  return level.onHand - level.reserved;
}

/** Lists each product once, with all of its pieces, in the order of the ids: the order in which rows are locked. */
export function gather(items: readonly Item[]): Item[] {
  const quantities = new Map<string, number>();
  for (const { productId, quantity } of items) {
    const id = productId.toLowerCase();
    quantities.set(id, (quantities.get(id) ?? 0) + quantity);
  }
  return [...quantities]
    .map(([productId, quantity]) => ({ productId, quantity }))
    .sort((a, b) => (a.productId < b.productId ? -1 : 1));
}

/** Products of which there is less than wanted, unknown ones included. */
export function shortProducts(levels: readonly StockLevel[], items: readonly Item[]): string[] {
  const free = new Map(levels.map((level) => [level.productId, available(level)]));
  return items.filter(({ productId, quantity }) => (free.get(productId) ?? 0) < quantity).map((item) => item.productId);
}

/** The levels after setting pieces aside. */
export function reserve(levels: readonly StockLevel[], items: readonly Item[]): StockLevel[] {
  return change(levels, items, (level, quantity) => ({ ...level, reserved: level.reserved + quantity }));
}

/** The levels after reserved pieces have left the house. */
export function commit(levels: readonly StockLevel[], items: readonly Item[]): StockLevel[] {
  return change(levels, items, (level, quantity) => ({
    ...level,
    onHand: level.onHand - quantity,
    reserved: level.reserved - quantity,
  }));
}

/** The levels after reserved pieces are for sale again. */
export function release(levels: readonly StockLevel[], items: readonly Item[]): StockLevel[] {
  return change(levels, items, (level, quantity) => ({ ...level, reserved: level.reserved - quantity }));
}

/**
 * The level after adding pieces, or removing free ones where `delta` is negative.
 * Throws `Refusal` STOCK_TOO_LOW or STOCK_TOO_HIGH.
 */
export function adjust(level: StockLevel, delta: number): StockLevel {
  const { productId } = level;
  const onHand = level.onHand + delta;
  if (onHand < level.reserved) {
    throw new Refusal(Reason.STOCK_TOO_LOW, { product_id: productId, available: String(available(level)) });
  }
  if (onHand > maxOnHand) throw new Refusal(Reason.STOCK_TOO_HIGH, { maximum: String(maxOnHand) });
  return { ...level, onHand };
}

/** Products that sold out between two moments, or can be ordered again. */
export function availabilityChanges(before: readonly StockLevel[], after: readonly StockLevel[]) {
  const wasAvailable = new Map(before.map((level) => [level.productId, available(level) > 0]));
  return after
    .map((level) => ({ productId: level.productId, available: available(level) > 0 }))
    .filter((now) => now.available !== (wasAvailable.get(now.productId) ?? false));
}

function change(
  levels: readonly StockLevel[],
  items: readonly Item[],
  apply: (level: StockLevel, quantity: number) => StockLevel,
): StockLevel[] {
  const byId = new Map(levels.map((level) => [level.productId, level]));
  return items.map(({ productId, quantity }) => {
    const level = byId.get(productId);
    if (!level) throw new Error(`product ${productId} has no stock row`);
    return apply(level, quantity);
  });
}
