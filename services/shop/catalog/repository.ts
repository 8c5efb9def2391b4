import { and, asc, eq, getTableColumns, inArray, lt, sql } from "drizzle-orm";
import { ProductCreatedSchema, ProductUpdatedSchema } from "#gen/shop/catalog/v1/catalog_events_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import type { Database, Transaction } from "#mesh/db";
import { event, type Outbox } from "#mesh/events";
import type { PagePosition } from "./page-token.ts";
import { categoryNotFound, type Product, productNotFound } from "./product.ts";
import { availability, category, product } from "./schema.ts";

/** A product as it is shown. */
export interface ListedProduct extends Product {
  /** The inventory's latest word; false before its first. */
  readonly inStock: boolean;
}

/** A shelf of the shop. */
export interface Category {
  readonly id: string;
  readonly displayName: string;
}

/** One page of the list by name and id. */
export interface ProductQuery {
  /** Text of a tsquery; empty for all products. */
  readonly search: string;
  /** Id of a category; empty for all. */
  readonly category: string;
  /** The last product of the page before. */
  readonly after: PagePosition | undefined;
  readonly limit: number;
}

/** The catalog's own database. */
export type Repository = ReturnType<typeof createRepository>;

/** Makes the repository. Every change of a product commits together with its event. */
export function createRepository(database: Database, outbox: Outbox) {
  const { orm } = database;

  return {
    /** Returns one page of products. */
    async list(query: ProductQuery): Promise<ListedProduct[]> {
      const rows = await selectProducts(orm)
        .where(matching(query))
        .orderBy(asc(product.name), asc(product.id))
        .limit(query.limit);
      return rows.map(fromRow);
    },

    /** Returns those of the products that exist. */
    async find(ids: readonly string[]): Promise<ListedProduct[]> {
      return (await selectProducts(orm).where(inArray(product.id, [...ids]))).map(fromRow);
    },

    /**
     * Adds a product and announces it, once for each id. Returns false when the id is taken.
     *
     * @throws Refusal CATEGORY_NOT_FOUND
     */
    create: (created: Product): Promise<boolean> =>
      database.transaction(async (tx) => {
        await requireCategory(tx, created.category);
        const rows = await tx
          .insert(product)
          .values(toRow(created))
          .onConflictDoNothing()
          .returning({ id: product.id });
        if (rows.length > 0) {
          await outbox.announce(
            tx,
            CatalogService.method.createProduct,
            event(ProductCreatedSchema, announced(created)),
          );
        }
        return rows.length > 0;
      }),

    /**
     * Changes a product and announces the change, unless `decide` returns the product as it was.
     *
     * @throws Refusal PRODUCT_NOT_FOUND or CATEGORY_NOT_FOUND
     */
    update: (id: string, decide: (current: Product) => Product): Promise<ListedProduct> =>
      database.transaction(async (tx) => {
        const current = await lockProduct(tx, id);
        const next = decide(current);
        if (next === current) {
          return current;
        }
        await requireCategory(tx, next.category);
        await tx.update(product).set(toRow(next)).where(eq(product.id, id));
        await outbox.announce(tx, CatalogService.method.updateProduct, event(ProductUpdatedSchema, announced(next)));
        return { ...next, inStock: current.inStock };
      }),

    /** Returns all categories by name. */
    listCategories: (): Promise<Category[]> =>
      orm.select().from(category).orderBy(asc(category.displayName), asc(category.id)),

    /** Adds a category. Returns false when its id is taken. */
    async createCategory(created: Category): Promise<boolean> {
      const rows = await orm.insert(category).values(created).onConflictDoNothing().returning();
      return rows.length > 0;
    },

    /** Keeps the inventory's word about a product, known or not yet, unless a newer one is there. */
    async setAvailability(tx: Transaction, word: typeof availability.$inferInsert): Promise<void> {
      const { available, stockVersion } = word;
      await tx
        .insert(availability)
        .values(word)
        .onConflictDoUpdate({
          target: availability.productId,
          set: { available, stockVersion },
          setWhere: lt(availability.stockVersion, stockVersion),
        });
    },
  };
}

function selectProducts(from: Database["orm"] | Transaction) {
  const { search: _, ...columns } = getTableColumns(product);
  return from
    .select({ ...columns, inStock: sql<boolean>`coalesce(${availability.available}, false)` })
    .from(product)
    .leftJoin(availability, eq(availability.productId, product.id))
    .$dynamic();
}

function matching(query: ProductQuery) {
  const { search, after } = query;
  return and(
    search === "" ? undefined : sql`${product.search} @@ to_tsquery('simple', ${search})`,
    query.category === "" ? undefined : eq(product.category, query.category),
    after && sql`(${product.name}, ${product.id}) > (${after.name}, ${after.id})`,
  );
}

async function lockProduct(tx: Transaction, id: string): Promise<ListedProduct> {
  const [row] = await selectProducts(tx).where(eq(product.id, id)).for("update", { of: product });
  if (row === undefined) {
    throw productNotFound(id);
  }
  return fromRow(row);
}

async function requireCategory(tx: Transaction, id: string): Promise<void> {
  const rows = await tx.select({ id: category.id }).from(category).where(eq(category.id, id));
  if (rows.length === 0) {
    throw categoryNotFound(id);
  }
}

type ProductRow = Awaited<ReturnType<typeof selectProducts>>[number];

function fromRow({ priceCurrency, priceUnits, priceNanos, ...row }: ProductRow): ListedProduct {
  return { ...row, price: { currencyCode: priceCurrency, units: priceUnits, nanos: priceNanos } };
}

function toRow({ price, ...row }: Product): typeof product.$inferInsert {
  const { id, name, description, createTime, updateTime } = row;
  return {
    ...{ id, name, description, category: row.category, createTime, updateTime },
    priceCurrency: price.currencyCode,
    priceUnits: price.units,
    priceNanos: price.nanos,
  };
}

function announced({ id, name, category, price }: Product) {
  return { productId: id, name, category, price };
}
