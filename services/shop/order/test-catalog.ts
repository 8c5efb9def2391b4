import { CatalogReactionService } from "#gen/shop/catalog/reactions/v1/catalog_reactions_pb.ts";
import { CatalogErrorReasonSchema } from "#gen/shop/catalog/v1/catalog_errors_pb.ts";
import { file_shop_catalog_v1_catalog_events } from "#gen/shop/catalog/v1/catalog_events_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { implement } from "#mesh/rpc";
import { type TestMesh, unexpected } from "../mesh.fixture.ts";

const money = (currencyCode: string, units: bigint, nanos: number) => ({ currencyCode, units, nanos });

/** What the catalog of these tests sells. */
export const catalogPrices = {
  book: { id: "01990000-0000-7000-8000-000000000001", name: "Book", price: money("EUR", 19n, 990_000_000) },
  pen: { id: "01990000-0000-7000-8000-000000000002", name: "Pen", price: money("EUR", 0n, 1) },
  dollarBook: { id: "01990000-0000-7000-8000-000000000003", name: "Dollar book", price: money("USD", 20n, 0) },
};

/** Serves the catalog's contract with these products and nothing else. */
export async function serveCatalog(mesh: TestMesh): Promise<void> {
  const sources = {
    services: [CatalogService],
    events: file_shop_catalog_v1_catalog_events,
    reactions: CatalogReactionService,
    reasons: CatalogErrorReasonSchema,
  } as const;
  const handlers = implement(CatalogService, {
    listProducts: unexpected,
    getProduct: unexpected,
    createProduct: unexpected,
    updateProduct: unexpected,
    listCategories: unexpected,
    createCategory: unexpected,
    batchGetProducts: async ({ ids }) => ({
      products: Object.values(catalogPrices).filter(({ id }) => ids.includes(id)),
    }),
  });
  await mesh.serve(sources, handlers);
}
