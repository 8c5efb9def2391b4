import { sql } from "drizzle-orm";
import { check, integer, pgTable, primaryKey, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** Pieces of each product. */
export const stock = pgTable(
  "stock",
  {
    productId: uuid("product_id").primaryKey(),
    onHand: integer("on_hand").notNull(),
    reserved: integer("reserved").notNull(),
  },
  (table) => [
    check("stock_reserved_not_negative", sql`${table.reserved} >= 0`),
    check("stock_reserved_on_hand", sql`${table.onHand} >= ${table.reserved}`),
  ],
);

/** What is, or was, set aside for an order. How far that has come is the participant's state. */
export const reservationItem = pgTable(
  "reservation_item",
  {
    orderId: uuid("order_id").notNull(),
    productId: uuid("product_id").notNull(),
    quantity: integer("quantity").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.productId] }),
    check("reservation_item_quantity_positive", sql`${table.quantity} > 0`),
  ],
);

/** Sets of data that were put in once and must not be put in again. */
export const seeding = pgTable("seeding", {
  name: text("name").primaryKey(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
