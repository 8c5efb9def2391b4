import { demoCategories, demoProducts } from "./demo-products.ts";
import { createProduct } from "./product.ts";
import type { Repository } from "./repository.ts";

/** Id of the demo product with this number, from 1: the same at every start and in every replica. */
export function demoProductId(number: number): string {
  return `01980000-0000-7000-8000-${String(number).padStart(12, "0")}`;
}

/**
 * Fills the demo shop. What is there already stays as it is, so that replicas may run it at once and every product
 * is announced once.
 */
export async function seedCatalog(repository: Repository): Promise<void> {
  for (const category of demoCategories) {
    await repository.createCategory(category);
  }
  for (const [index, { name, description, category, price }] of demoProducts.entries()) {
    const [units, cents] = price;
    const details = {
      ...{ name, description, category },
      price: { currencyCode: "EUR", units: BigInt(units), nanos: cents * 10_000_000 },
    };
    await repository.create(createProduct(demoProductId(index + 1), details, new Date()));
  }
}
