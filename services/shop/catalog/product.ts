import { CatalogErrorReason } from "#gen/shop/catalog/v1/catalog_errors_pb.ts";
import type { Product as ProductMessage } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { Refusal } from "#mesh/refusal";

/** An exact amount in the form of google.type.Money. */
export interface Price {
  /** ISO 4217. */
  readonly currencyCode: string;
  readonly units: bigint;
  /** Billionths of a unit. */
  readonly nanos: number;
}

/** What an admin says about a product. */
export interface ProductDetails {
  readonly name: string;
  readonly description: string;
  /** Id of the category. */
  readonly category: string;
  readonly price: Price;
}

/** Something to buy. Whether it is in stock is the inventory's word and not part of it. */
export interface Product extends ProductDetails {
  /** UUIDv7. */
  readonly id: string;
  readonly createTime: Date;
  readonly updateTime: Date;
}

/** The names that UpdateProduct takes in its mask. */
type UpdatableField = keyof ProductDetails;

/** How one field travels from an update to the product. A field whose value is missing is undefined. */
const readers: { readonly [F in UpdatableField]: (message: ProductMessage) => ProductDetails[F] | undefined } = {
  name: (message) => message.name || undefined,
  description: (message) => message.description,
  category: (message) => message.category || undefined,
  price: (message) => message.price,
};

const pricePart = /^price\.(currency_code|units|nanos)$/;
const updatableFields = Object.keys(readers).filter(isUpdatable);

/** Starts a product's life. */
export function createProduct(id: string, details: ProductDetails, now: Date): Product {
  const { name, description, category } = details;
  return { id, name, description, category, price: copyPrice(details.price), createTime: now, updateTime: now };
}

/**
 * Takes over the fields that the mask names (AIP-134): without a mask those that hold a value, with "*" all.
 * Returns the same object when nothing changes.
 *
 * @throws Refusal FIELD_NOT_UPDATABLE for any other path, and for a required field without a value.
 */
export function changeProduct(product: Product, message: ProductMessage, paths: readonly string[], now: Date): Product {
  const changes: Partial<ProductDetails> = Object.assign(
    {},
    ...fieldsToChange(message, paths).map((field) => ({ [field]: requireValue(message, field) })),
  );
  const changed = { ...product, ...changes, price: copyPrice(changes.price ?? product.price) };
  return sameDetails(product, changed) ? product : { ...changed, updateTime: now };
}

/** The refusal for a product that is not there. */
export function productNotFound(id: string): Refusal {
  return new Refusal(CatalogErrorReason.PRODUCT_NOT_FOUND, { product_id: id });
}

/** The refusal for a product whose category is not there. */
export function categoryNotFound(category: string): Refusal {
  return new Refusal(CatalogErrorReason.CATEGORY_NOT_FOUND, { category });
}

function fieldsToChange(message: ProductMessage, paths: readonly string[]): UpdatableField[] {
  if (paths.length === 0) {
    return updatableFields.filter((field) => Boolean(readers[field](message)));
  }
  if (paths.length === 1 && paths[0] === "*") {
    return updatableFields;
  }
  return [...new Set(paths.map(updatableField))];
}

/** A price changes as a whole, so a path into it stands for all of it: half of an old price would be a new one. */
function updatableField(path: string): UpdatableField {
  const field = pricePart.test(path) ? "price" : path;
  if (!isUpdatable(field)) {
    throw fieldNotUpdatable(path);
  }
  return field;
}

function requireValue<F extends UpdatableField>(message: ProductMessage, field: F): ProductDetails[F] {
  const value = readers[field](message);
  if (value === undefined) {
    throw fieldNotUpdatable(field);
  }
  return value;
}

function isUpdatable(path: string): path is UpdatableField {
  return Object.hasOwn(readers, path);
}

function fieldNotUpdatable(field: string): Refusal {
  return new Refusal(CatalogErrorReason.FIELD_NOT_UPDATABLE, { field });
}

function sameDetails(a: ProductDetails, b: ProductDetails): boolean {
  return (
    a.name === b.name &&
    a.description === b.description &&
    a.category === b.category &&
    a.price.currencyCode === b.price.currencyCode &&
    a.price.units === b.price.units &&
    a.price.nanos === b.price.nanos
  );
}

function copyPrice({ currencyCode, units, nanos }: Price): Price {
  return { currencyCode, units, nanos };
}
