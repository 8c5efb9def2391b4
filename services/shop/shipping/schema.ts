import { jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import type { Address } from "./shipment.ts";

/** To whom the items of each order go. How far a shipment has come is the participant's state. */
export const shipment = pgTable("shipment", {
  orderId: uuid("order_id").primaryKey(),
  userId: text("user_id").notNull(),
  /** Null until the items have left the stock. Read and written as a whole. */
  shippingAddress: jsonb("shipping_address").$type<Address>(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
