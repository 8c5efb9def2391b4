import { asc, eq, inArray, sql } from "drizzle-orm";
import type { Database, Transaction } from "#mesh/db";
import { reservationItem, seeding, stock } from "./schema.ts";
import type { Item, StockLevel } from "./stock.ts";

/** Returns a product's stock. */
export async function findStock(db: Database["orm"], productId: string): Promise<StockLevel | undefined> {
  const [level] = await db.select().from(stock).where(eq(stock.productId, productId));
  return level;
}

/**
 * Returns the stock of products and keeps others from changing it until the transaction ends. Unknown ones are left
 * out. Rows are locked in the order of their ids, so that no two transactions wait for each other.
 */
export async function lockStock(tx: Transaction, productIds: readonly string[]): Promise<StockLevel[]> {
  return tx
    .select()
    .from(stock)
    .where(inArray(stock.productId, [...productIds]))
    .orderBy(asc(stock.productId))
    .for("update");
}

/** Writes new levels over locked ones. */
export async function saveStock(tx: Transaction, levels: readonly StockLevel[]): Promise<void> {
  const rows = levels.map((l) => sql`(${l.productId}::uuid, ${l.onHand}::integer, ${l.reserved}::integer)`);
  await tx.execute(sql`
    update stock set on_hand = level.on_hand, reserved = level.reserved
    from (values ${sql.join(rows, sql`, `)}) as level (product_id, on_hand, reserved)
    where stock.product_id = level.product_id`);
}

/** Opens empty stock for products that have none, and leaves the others alone. */
export async function openStock(tx: Transaction, productIds: readonly string[]): Promise<void> {
  const rows = productIds.map((productId) => ({ productId, onHand: 0, reserved: 0 }));
  await tx.insert(stock).values(rows).onConflictDoNothing();
}

/** Keeps what was set aside for an order. */
export async function saveReservation(tx: Transaction, orderId: string, items: readonly Item[]): Promise<void> {
  await tx.insert(reservationItem).values(items.map((item) => ({ orderId, ...item })));
}

/** Returns what was set aside for an order, in the order of product ids. */
export async function findReservation(tx: Transaction, orderId: string): Promise<Item[]> {
  return tx
    .select({ productId: reservationItem.productId, quantity: reservationItem.quantity })
    .from(reservationItem)
    .where(eq(reservationItem.orderId, orderId))
    .orderBy(asc(reservationItem.productId));
}

/** Claims a seeding. False when it was done before; whoever comes second waits until the first has committed. */
export async function claimSeeding(tx: Transaction, name: string): Promise<boolean> {
  const claimed = await tx.insert(seeding).values({ name }).onConflictDoNothing().returning();
  return claimed.length > 0;
}
