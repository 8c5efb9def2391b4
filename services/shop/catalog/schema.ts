import { sql } from "drizzle-orm";
import { bigint, boolean, customType, index, integer, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

const tsvector = customType<{ data: string }>({ dataType: () => "tsvector" });

/** Shelves of the shop. */
export const category = pgTable("category", {
  id: text().primaryKey(),
  displayName: text("display_name").notNull(),
});

/** What can be bought. */
export const product = pgTable(
  "product",
  {
    id: uuid().primaryKey(),
    name: text().notNull(),
    description: text().notNull(),
    category: text()
      .notNull()
      .references(() => category.id),
    priceCurrency: text("price_currency").notNull(),
    priceUnits: bigint("price_units", { mode: "bigint" }).notNull(),
    priceNanos: integer("price_nanos").notNull(),
    createTime: timestamp("create_time", { withTimezone: true, precision: 3 }).notNull(),
    updateTime: timestamp("update_time", { withTimezone: true, precision: 3 }).notNull(),
    // ASCII punctuation separates words here as it does in search-words.ts: without this Postgres would keep
    // e-mail addresses, paths and hyphenated words whole.
    search: tsvector()
      .notNull()
      .generatedAlwaysAs(
        sql`to_tsvector('simple'::regconfig, regexp_replace(name || ' ' || description, '[!-/:-@[-\`{-~]+', ' ', 'g'))`,
      ),
  },
  (table) => [
    index("product_by_name").on(table.name, table.id),
    index("product_by_category").on(table.category, table.name, table.id),
    index("product_by_search").using("gin", table.search),
  ],
);

/**
 * The inventory's latest word about each product. It stands apart from the product, and knows no foreign key,
 * because it may arrive before the product does.
 */
export const availability = pgTable("availability", {
  productId: uuid("product_id").primaryKey(),
  available: boolean().notNull(),
  /** Version of the stock that the word was about; an older one never replaces a newer one. */
  stockVersion: bigint("stock_version", { mode: "number" }).notNull(),
});
