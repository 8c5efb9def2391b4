import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { ProductCreatedSchema, ProductUpdatedSchema } from "#gen/shop/catalog/v1/catalog_events_pb.ts";
import { CatalogService, type Product, type ProductSchema } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { InventoryErrorReasonSchema } from "#gen/shop/inventory/v1/inventory_errors_pb.ts";
import {
  AvailabilityChangedSchema,
  file_shop_inventory_v1_inventory_events,
} from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { secretIdentity } from "#mesh/identity";
import { createMeshTransport } from "#mesh/rpc";
import { eventually } from "#mesh/testing";
import { someUser, testMesh, unexpected } from "../mesh.fixture.ts";
import { createRepository } from "./repository.ts";
import { product } from "./schema.ts";
import { demoProductId } from "./seed.ts";
import { catalogService } from "./service.ts";

const mesh = await testMesh();
const inventory = await mesh.announcer({
  services: [InventoryService],
  events: file_shop_inventory_v1_inventory_events,
  reactions: InventoryReactionService,
  reasons: InventoryErrorReasonSchema,
});
const config = mesh.config(CatalogService);
const service = await mesh.start(catalogService(config, { demoData: true }));
const client = await mesh.client(CatalogService, service.address);
const admin = await mesh.as(someUser("admin"));
const inside = await mesh.inside("shop.catalog");

afterAll(() => mesh[Symbol.asyncDispose]());

const price = { currencyCode: "EUR", units: 12n, nanos: 340_000_000 };
const euros = (units: number, nanos = 0) =>
  expect.objectContaining({ currencyCode: "EUR", units: BigInt(units), nanos });

/** A product in a category of its own, so that tests do not see each other's. */
async function addCategory(): Promise<string> {
  const id = `c${randomUUID()}`;
  await client.createCategory({ category: { id, displayName: id } }, admin);
  return id;
}

interface ProductInit {
  readonly name?: string;
  readonly description?: string;
  readonly category?: string;
  readonly price?: { currencyCode: string; units: bigint; nanos?: number } | undefined;
}

async function addProduct(init: ProductInit): Promise<Product> {
  const { product } = await client.createProduct({ product: { name: "Thing", price, ...init } }, admin);
  if (product === undefined) {
    throw new TypeError("CreateProduct answered without a product");
  }
  return product;
}

interface ListQuery {
  readonly query?: string;
  readonly category?: string;
  readonly pageSize?: number;
}

/** All pages of a list, one array of ids a page. */
async function pages(query: ListQuery): Promise<string[][]> {
  const result: string[][] = [];
  let pageToken = "";
  do {
    const page = await client.listProducts({ ...query, pageToken });
    result.push(page.products.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return result;
}

async function namesFound(query: ListQuery): Promise<string[]> {
  const { products } = await client.listProducts({ pageSize: 100, ...query });
  return products.map(({ name }) => name);
}

async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (fault: unknown) => ConnectError.from(fault),
  );
  const [info] = error?.findDetails(ErrorInfoSchema) ?? [];
  return { code: error?.code, reason: info?.reason, domain: info?.domain, metadata: info?.metadata };
}

const refused = (code: Code, reason: string, metadata: Record<string, string> = {}) => ({
  ...{ code, reason, metadata },
  domain: "shop.catalog",
});

describe("CreateProduct", () => {
  test("adds a product, announces it and shows it", async () => {
    const category = await addCategory();
    const exact = { currencyCode: "USD", units: 1_000_000_000n, nanos: 999_999_999 };
    const product = await addProduct({ name: "Crown", description: "Heavy", category, price: exact });
    expect(product).toMatchObject({ name: "Crown", description: "Heavy", category, price: exact, inStock: false });
    expect((await client.getProduct({ id: product.id })).product).toEqual(product);
    expect(await inside.announced(ProductCreatedSchema)).toContainEqual(
      expect.objectContaining({ productId: product.id, name: "Crown", category, price: product.price }),
    );
  });

  test("refuses a category that does not exist, and announces nothing", async () => {
    const before = await inside.announced(ProductCreatedSchema);
    const expected = refused(Code.FailedPrecondition, "CATEGORY_NOT_FOUND", { category: "nowhere" });
    expect(await refusal(addProduct({ category: "nowhere" }))).toEqual(expected);
    expect(await inside.announced(ProductCreatedSchema)).toEqual(before);
  });

  test.each([
    { name: "" },
    { category: "" },
    { price: undefined },
    { price: { currencyCode: "EUR", units: 0n, nanos: 0 } },
    { price: { currencyCode: "eur", units: 1n } },
    { price: { currencyCode: "EUR", units: -1n } },
    { price: { currencyCode: "EUR", units: 1n, nanos: -1 } },
    { name: "x".repeat(201) },
  ])("refuses %o, naming the fault", async (init) => {
    const error = await addProduct({ category: "books", ...init }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.InvalidArgument });
    expect(error instanceof ConnectError && error.findDetails(BadRequestSchema)).toHaveLength(1);
  });

  test("is for admins", async () => {
    const request = { product: { name: "Thing", category: "books", price } };
    const customer = await mesh.as(someUser("customer"));
    expect(await refusal(client.createProduct(request, customer))).toMatchObject({ code: Code.PermissionDenied });
    expect(await refusal(client.createProduct(request))).toMatchObject({ code: Code.Unauthenticated });
  });
});

describe("UpdateProduct", () => {
  test("changes what the mask names, and announces all values", async () => {
    const category = await addCategory();
    const product = await addProduct({ name: "Old", description: "Same", category });
    const values = { id: product.id, name: "New", price: { ...price, units: 13n }, description: "ignored" };
    const updateMask = { paths: ["name", "price"] };
    const { product: changed } = await client.updateProduct({ product: values, updateMask }, admin);
    expect(changed).toMatchObject({ name: "New", description: "Same", price: values.price });
    expect(changed?.createTime).toEqual(product.createTime);
    expect((await client.getProduct({ id: product.id })).product).toEqual(changed);
    const events = await inside.announced(ProductUpdatedSchema);
    expect(events.filter(({ productId }) => productId === product.id)).toEqual([
      expect.objectContaining({ name: "New", category, price: changed?.price }),
    ]);
  });

  test("announces nothing when nothing changes", async () => {
    const product = await addProduct({ category: await addCategory() });
    const again = await client.updateProduct({ product, updateMask: { paths: ["*"] } }, admin);
    expect(again.product).toEqual(product);
    const events = await inside.announced(ProductUpdatedSchema);
    expect(events.filter(({ productId }) => productId === product.id)).toEqual([]);
  });

  test("concurrent updates of different fields both hold", async () => {
    const { id } = await addProduct({ category: await addCategory() });
    await Promise.all([
      client.updateProduct({ product: { id, name: "Both" } }, admin),
      client.updateProduct({ product: { id, description: "hold" } }, admin),
    ]);
    expect((await client.getProduct({ id })).product).toMatchObject({ name: "Both", description: "hold" });
  });

  test("refuses unknown products, unknown categories and fields that cannot change", async () => {
    const { id } = await addProduct({ category: await addCategory() });
    const update = (product: MessageInitShape<typeof ProductSchema>, ...paths: string[]) =>
      refusal(client.updateProduct({ product, updateMask: { paths } }, admin));
    const unknown = randomUUID();
    expect(await update({ id: unknown, name: "X" })).toEqual(
      refused(Code.NotFound, "PRODUCT_NOT_FOUND", { product_id: unknown }),
    );
    expect(await update({ id, category: "nowhere" })).toEqual(
      refused(Code.FailedPrecondition, "CATEGORY_NOT_FOUND", { category: "nowhere" }),
    );
    expect(await update({ id, inStock: true }, "in_stock")).toEqual(
      refused(Code.InvalidArgument, "FIELD_NOT_UPDATABLE", { field: "in_stock" }),
    );
    expect(await update({ id: "no id" })).toMatchObject({ code: Code.InvalidArgument });
  });
});

describe("GetProduct", () => {
  test("refuses an unknown id and what is no id", async () => {
    const id = randomUUID();
    expect(await refusal(client.getProduct({ id }))).toEqual(
      refused(Code.NotFound, "PRODUCT_NOT_FOUND", { product_id: id }),
    );
    expect(await refusal(client.getProduct({ id: "1 or 1=1" }))).toMatchObject({ code: Code.InvalidArgument });
  });
});

describe("BatchGetProducts", () => {
  test("returns what exists to the order service, and to nobody else", async () => {
    const transport = createMeshTransport({
      address: service.address,
      identity: secretIdentity("shop.order", config.meshSecret),
    });
    const ids = [demoProductId(1), demoProductId(24), randomUUID(), demoProductId(1).toUpperCase()];
    const { products } = await createClient(CatalogService, transport).batchGetProducts({ ids });
    transport.close();
    expect(products.map(({ id }) => id).sort()).toEqual([demoProductId(1), demoProductId(24)]);
    expect(await refusal(client.batchGetProducts({ ids }, admin))).toMatchObject({ code: Code.PermissionDenied });
  });
});

describe("categories", () => {
  test("are listed by name", async () => {
    const { categories } = await client.listCategories({});
    const names = categories.flatMap(({ id, displayName }) => (id === displayName ? [] : [displayName]));
    expect(names).toEqual(["Books", "Garden", "Kitchen", "Stationery", "Textiles"]);
  });

  test("have an id of their own", async () => {
    const category = { id: "books", displayName: "Other books" };
    expect(await refusal(client.createCategory({ category }, admin))).toEqual(
      refused(Code.AlreadyExists, "CATEGORY_EXISTS", { category: "books" }),
    );
    expect(await refusal(client.createCategory({ category: { ...category, id: "No Id" } }, admin))).toMatchObject({
      code: Code.InvalidArgument,
    });
  });
});

describe("ListProducts", () => {
  test("its pages make up the whole list without a product twice, whatever the size", async () => {
    const category = await addCategory();
    for (const name of ["b", "a", "a", "B", "ä", "a b", "茶", "c", "a", "😀".repeat(50)]) {
      await addProduct({ name, category });
    }
    const [whole = []] = await pages({ category, pageSize: 100 });
    expect(whole).toHaveLength(10);
    for (const pageSize of [1, 2, 3, 5, 9, 10]) {
      const all = await pages({ category, pageSize });
      expect(all.flat()).toEqual(whole);
      expect(all.slice(0, -1).every((page) => page.length === pageSize)).toBe(true);
    }
  });

  test("holds 20 products a page by default, and the filters of its first page in all", async () => {
    const all = await pages({});
    expect(all[0]).toHaveLength(20);
    const books = (await pages({ category: "books", pageSize: 4 })).flat();
    expect(books.sort()).toEqual([1, 2, 3, 4, 5, 24].map(demoProductId));
    expect(await namesFound({ category: "nowhere" })).toEqual([]);
  });

  test("a product added between two pages neither hides nor repeats another", async () => {
    const category = await addCategory();
    const ids = [];
    for (const name of ["b", "d", "f"]) {
      ids.push((await addProduct({ name, category })).id);
    }
    const first = await client.listProducts({ category, pageSize: 2 });
    await addProduct({ name: "a", category });
    const rest = await client.listProducts({ category, pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.products, ...rest.products].map(({ id }) => id)).toEqual(ids);
  });

  test("refuses tokens of other queries, and made-up ones", async () => {
    const { nextPageToken: pageToken } = await client.listProducts({ category: "books", pageSize: 1 });
    const invalid = refused(Code.InvalidArgument, "PAGE_TOKEN_INVALID");
    expect(await refusal(client.listProducts({ category: "garden", pageToken }))).toEqual(invalid);
    expect(await refusal(client.listProducts({ category: "books", query: "the", pageToken }))).toEqual(invalid);
    expect(await refusal(client.listProducts({ category: "books", pageToken: "made up" }))).toEqual(invalid);
    expect(await refusal(client.listProducts({ pageSize: 101 }))).toMatchObject({ code: Code.InvalidArgument });
  });
});

describe("search", () => {
  test("finds all words in name and description, the last one unfinished", async () => {
    expect(await namesFound({ query: "weaver" })).toEqual(["Last one: signed first edition", "The Weaver's Handbook"]);
    expect(await namesFound({ query: "WEAVER handb" })).toEqual([
      "Last one: signed first edition",
      "The Weaver's Handbook",
    ]);
    expect(await namesFound({ query: "handb weaver" })).toEqual([]);
    expect(await namesFound({ query: "cast iron" })).toEqual(["Cast-iron pan, 28 cm"]);
    expect(await namesFound({ query: "cast-ir" })).toEqual(["Cast-iron pan, 28 cm"]);
    expect(await namesFound({ query: "bread", category: "kitchen" })).toEqual(["Bread knife"]);
  });

  test("follows an update", async () => {
    const { id } = await addProduct({ name: "Zyxwv", category: await addCategory() });
    await client.updateProduct({ product: { id, name: "Vwxyz" } }, admin);
    expect(await namesFound({ query: "zyxw" })).toEqual([]);
    expect(await namesFound({ query: "vwxy" })).toEqual(["Vwxyz"]);
  });

  test("takes any characters", async () => {
    const typed = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: fc.constantFrom(..."a'\\:*&|!<->() ") }));
    await fc.assert(
      fc.asyncProperty(typed, async (query) => {
        await client.listProducts({ query });
      }),
      { numRuns: 60 },
    );
  });

  test("a product is found by every word of its name", async () => {
    const category = await addCategory();
    const word = fc.string({ unit: fc.constantFrom(..."abyzÄß茶é019"), minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 4 }), fc.nat(), async (words, which) => {
        const { id } = await addProduct({ name: words.join(" "), category });
        const whole = words.join(" ");
        const one = words[which % words.length] ?? "";
        expect((await pages({ query: whole, category, pageSize: 100 })).flat()).toContain(id);
        expect((await pages({ query: one, category, pageSize: 100 })).flat()).toContain(id);
      }),
      { numRuns: 25 },
    );
  });
});

describe("availability", () => {
  const inStock = async (id: string) => (await client.getProduct({ id })).product?.inStock;

  test("follows the inventory", async () => {
    const { id: productId } = await addProduct({ category: await addCategory() });
    await inventory(AvailabilityChangedSchema, { productId, available: true });
    await eventually(async () => expect(await inStock(productId)).toBe(true));
    await inventory(AvailabilityChangedSchema, { productId, available: false });
    await eventually(async () => expect(await inStock(productId)).toBe(false));
  });

  test("the newest word holds in every order and under repetition, before the product is there or after", async () => {
    const repository = createRepository(inside.database, { append: unexpected, announce: unexpected });
    const words = fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(words, fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), async (versions, said) => {
        const productId = randomUUID();
        for (const stockVersion of [...versions, ...versions]) {
          const available = said[stockVersion - 1] ?? false;
          await inside.database.transaction((tx) =>
            repository.setAvailability(tx, { productId, available, stockVersion }),
          );
        }
        const cost = { priceCurrency: "EUR", priceUnits: 1n, priceNanos: 0 };
        const times = { createTime: new Date(), updateTime: new Date() };
        const row = { id: productId, name: "Thing", description: "", category: "books", ...times, ...cost };
        await inside.database.orm.insert(product).values(row);
        expect(await inStock(productId)).toBe(said[Math.max(...versions) - 1]);
      }),
      { numRuns: 15 },
    );
  });
});

describe("demo data", () => {
  test("is 24 products in 5 categories, priced in euros, announced once by however many replicas", async () => {
    const replicas = [1, 2].map(() => mesh.start(catalogService(config, { demoData: true })));
    await Promise.all(replicas);
    const ids = Array.from({ length: 24 }, (_, index) => demoProductId(index + 1));
    const created = await inside.announced(ProductCreatedSchema);
    const demo = created.filter(({ productId }) => ids.includes(productId));
    expect(demo.map(({ productId }) => productId).sort()).toEqual(ids);
    expect(new Set(demo.map(({ category }) => category)).size).toBe(5);
    expect(demo.every((event) => event.price?.currencyCode === "EUR")).toBe(true);
  });

  test("has the single piece as its number 24", async () => {
    const { product } = await client.getProduct({ id: "01980000-0000-7000-8000-000000000024" });
    expect(product).toMatchObject({ name: "Last one: signed first edition", price: euros(250) });
  });
});
