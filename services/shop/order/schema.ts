import { bigint, index, integer, jsonb, pgTable, text, timestamp, unique, uuid } from "drizzle-orm/pg-core";
import type { OrderReason } from "#gen/shop/order/v1/order_service_pb.ts";
import type { Address } from "./order.ts";

/** A line as it is stored: 64-bit numbers are strings in JSON. */
export interface StoredLine {
  readonly productId: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: { readonly currencyCode: string; readonly units: string; readonly nanos: number };
}

/** What was ordered, by whom and for how much. How far an order has come is the participant's state. */
export const order = pgTable(
  "order",
  {
    /** UUIDv7: sorts by the time of placing. */
    id: uuid("id").primaryKey(),
    userId: text("user_id").notNull(),
    /** The client's name for the call; null where it gave none. */
    requestId: text("request_id"),
    /** Read and written as a whole: names and prices as they were when the order was placed. */
    lines: jsonb("lines").$type<readonly StoredLine[]>().notNull(),
    currencyCode: text("currency_code").notNull(),
    units: bigint("units", { mode: "bigint" }).notNull(),
    nanos: integer("nanos").notNull(),
    paymentMethod: text("payment_method").notNull(),
    shippingAddress: jsonb("shipping_address").$type<Address>().notNull(),
    /** Number of shop.order.v1.OrderReason. */
    reason: integer("reason").$type<OrderReason>().notNull().default(0),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    unique("order_request").on(table.userId, table.requestId),
    index("order_newest_of_user").on(table.userId, table.id),
  ],
);

/** Users whose accounts are gone: they place no orders any more. */
export const deletedUser = pgTable("deleted_user", {
  userId: text("user_id").primaryKey(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
