import type { Product } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import type { Order } from "#gen/shop/order/v1/order_service_pb.ts";

const most = 5;

/** Chooses products that are in stock and in none of the orders, in the order in which they are listed. */
export function recommend(products: readonly Product[], orders: readonly Order[]): Product[] {
  const ordered = new Set(orders.flatMap(({ items }) => items.map(({ productId }) => productId)));
  return products.filter(({ id, inStock }) => inStock && !ordered.has(id)).slice(0, most);
}
