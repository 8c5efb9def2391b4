import { Availability, CatalogService } from "#gen/shop/catalog/v2/catalog_service_pb.ts";
import { implement, type RpcService } from "#mesh/rpc";
import { productNotFound } from "./product.ts";
import type { Repository } from "./repository.ts";

/** CatalogService of v2: the same products in its messages. */
export function catalogHandlersV2(repository: Repository): RpcService {
  return implement(CatalogService, {
    async getProduct({ id: wanted }) {
      const [product] = await repository.find([wanted]);
      if (product === undefined) throw productNotFound(wanted);
      const { id, name, description, category, price, inStock } = product;
      const availability = inStock ? Availability.IN_STOCK : Availability.OUT_OF_STOCK;
      return { product: { id, name, description, category, price, availability } };
    },
  });
}
