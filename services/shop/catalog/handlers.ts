import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { uuidv7 } from "uuidv7";
import { CatalogErrorReason } from "#gen/shop/catalog/v1/catalog_errors_pb.ts";
import {
  CatalogService,
  type CreateProductRequest,
  type ListProductsRequest,
  type ProductSchema,
} from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { Refusal } from "#mesh/refusal";
import { implement, type RpcService } from "#mesh/rpc";
import { formatPageToken, parsePageToken } from "./page-token.ts";
import { changeProduct, createProduct, type Price, productNotFound } from "./product.ts";
import type { ListedProduct, Repository } from "./repository.ts";
import { searchQuery } from "./search-words.ts";

const defaultPageSize = 20;

/** CatalogService: proto ⇄ domain. */
export function catalogHandlers(repository: Repository): RpcService {
  return implement(CatalogService, {
    listProducts: (request) => listProducts(repository, request),

    async getProduct({ id }) {
      const [product] = await repository.find([id]);
      if (product === undefined) {
        throw productNotFound(id);
      }
      return { product: toMessage(product) };
    },

    batchGetProducts: async ({ ids }) => ({ products: (await repository.find(ids)).map(toMessage) }),

    async createProduct(request) {
      const product = createProduct(uuidv7(), detailsOf(request), new Date());
      await repository.create(product);
      return { product: toMessage({ ...product, inStock: false }) };
    },

    async updateProduct(request) {
      const message = requireField(request.product, "product");
      const paths = request.updateMask?.paths ?? [];
      const changed = await repository.update(message.id, (current) =>
        changeProduct(current, message, paths, new Date()),
      );
      return { product: toMessage(changed) };
    },

    listCategories: async () => ({ categories: await repository.listCategories() }),

    async createCategory(request) {
      const { id, displayName } = requireField(request.category, "category");
      if (!(await repository.createCategory({ id, displayName }))) {
        throw new Refusal(CatalogErrorReason.CATEGORY_EXISTS, { category: id });
      }
      return { category: { id, displayName } };
    },
  });
}

async function listProducts(repository: Repository, request: ListProductsRequest) {
  const filter = { query: request.query, category: request.category };
  const after = parsePageToken(request.pageToken, filter);
  const size = request.pageSize || defaultPageSize;
  const search = searchQuery(request.query);
  // One more than asked for tells whether a page follows.
  const found = await repository.list({ search, category: request.category, after, limit: size + 1 });
  const page = found.slice(0, size);
  const last = page.at(-1);
  return {
    products: page.map(toMessage),
    nextPageToken: found.length > size && last ? formatPageToken(last, filter) : "",
  };
}

function detailsOf(request: CreateProductRequest) {
  const { name, description, category, price } = requireField(request.product, "product");
  return { name, description, category, price: requireField<Price>(price, "product.price") };
}

/** Validation has refused a request without the field; this is for the compiler. */
function requireField<T>(value: T | undefined, name: string): T {
  if (value === undefined) {
    throw new TypeError(`${name} passed validation without a value`);
  }
  return value;
}

function toMessage(product: ListedProduct): MessageInitShape<typeof ProductSchema> {
  return {
    ...product,
    createTime: timestampFromDate(product.createTime),
    updateTime: timestampFromDate(product.updateTime),
  };
}
