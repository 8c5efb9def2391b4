import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { CatalogErrorReason } from "#gen/shop/catalog/v1/catalog_errors_pb.ts";
import { ProductSchema } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { changeProduct, createProduct } from "./product.ts";

const created = new Date("2026-01-01T00:00:00Z");
const later = new Date("2026-02-01T00:00:00Z");
const price = { currencyCode: "EUR", units: 12n, nanos: 500_000_000 };
const mug = createProduct("mug", { name: "Mug", description: "White", category: "kitchen", price }, created);

function change(values: MessageInitShape<typeof ProductSchema>, ...paths: string[]) {
  return changeProduct(mug, create(ProductSchema, values), paths, later);
}

describe("changeProduct", () => {
  test("takes over exactly the fields of the mask", () => {
    expect(change({ name: "Cup", description: "Blue", category: "garden" }, "name")).toEqual({
      ...mug,
      name: "Cup",
      updateTime: later,
    });
  });

  test("without a mask takes over the fields that hold a value", () => {
    expect(change({ name: "Cup", price: { ...price, units: 13n } })).toEqual({
      ...mug,
      name: "Cup",
      price: { ...price, units: 13n },
      updateTime: later,
    });
  });

  test('with "*" takes over all fields, the empty ones too', () => {
    const values = { name: "Cup", category: "garden", price };
    expect(change(values, "*")).toEqual({ ...mug, ...values, description: "", updateTime: later });
  });

  test("replaces the price as a whole, also for a path into it", () => {
    const whole = { currencyCode: "GBP", units: 9n, nanos: 0 };
    expect(change({ price: whole }, "price.currency_code", "price.units").price).toEqual(whole);
  });

  test("empties the description when the mask names it", () => {
    expect(change({}, "description").description).toBe("");
  });

  test("never takes over what only the service sets", () => {
    expect(change({ id: "other", inStock: true, createTime: { seconds: 1n } })).toBe(mug);
  });

  test("returns the same product when nothing changes", () => {
    expect(change({ name: "Mug", description: "White", category: "kitchen", price }, "*")).toBe(mug);
    expect(change({})).toBe(mug);
  });

  test.each(["id", "in_stock", "create_time", "price.cents", "toString", "", "displayName"])(
    "refuses the path %j",
    (path) => {
      expect(() => change({ name: "Cup" }, "name", path)).toThrow(
        expect.objectContaining({ reason: CatalogErrorReason.FIELD_NOT_UPDATABLE, metadata: { field: path } }),
      );
    },
  );

  test.each(["name", "category", "price"])("refuses to leave %s without a value", (path) => {
    expect(() => change({}, path)).toThrow(
      expect.objectContaining({ reason: CatalogErrorReason.FIELD_NOT_UPDATABLE, metadata: { field: path } }),
    );
  });

  test('refuses "*" beside other paths', () => {
    expect(() => change({ name: "Cup" }, "*", "name")).toThrow(
      expect.objectContaining({ reason: CatalogErrorReason.FIELD_NOT_UPDATABLE, metadata: { field: "*" } }),
    );
  });
});
