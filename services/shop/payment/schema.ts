import { bigint, integer, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** What is to be paid for each order. How far the payment has come is the participant's state. */
export const payment = pgTable("payment", {
  orderId: uuid("order_id").primaryKey(),
  userId: text("user_id").notNull(),
  currencyCode: text("currency_code").notNull(),
  units: bigint("units", { mode: "bigint" }).notNull(),
  nanos: integer("nanos").notNull(),
  paymentMethod: text("payment_method").notNull(),
  declineCode: text("decline_code").notNull().default(""),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
