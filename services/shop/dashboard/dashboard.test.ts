import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, expect, test } from "vitest";
import { CodeSchema } from "#gen/google/rpc/code_pb.ts";
import { file_platform_identity_v1_identity_events } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { CatalogReactionService } from "#gen/shop/catalog/reactions/v1/catalog_reactions_pb.ts";
import { file_shop_catalog_v1_catalog_events } from "#gen/shop/catalog/v1/catalog_events_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { DashboardPartSchema, DashboardService } from "#gen/shop/dashboard/v1/dashboard_service_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { file_shop_order_v1_order_events } from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { implement, type RpcContext, requireUser } from "#mesh/rpc";
import { someUser, testMesh, unexpected } from "../mesh.fixture.ts";
import { dashboardService } from "./service.ts";

/** What the neighbours do next. */
type Behaviour = (context: RpcContext) => Promise<void>;
const well: Behaviour = async () => {};
const never: Behaviour = ({ signal }) =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new ConnectError("too late", Code.Canceled)));
  });
const refuses: Behaviour = async () => {
  throw new ConnectError("not today", Code.FailedPrecondition);
};
const behaviour = { identity: well, orders: well, catalog: well };

const book = (n: number, inStock = true) => ({ id: `book-${n}`, name: `Book ${n}`, inStock });
const mesh = await testMesh();
await mesh.serve(
  { services: [IdentityService], events: file_platform_identity_v1_identity_events },
  implement(IdentityService, {
    async getUser({ id }, context) {
      await behaviour.identity(context);
      expect(id).toBe("me");
      return { user: { id: requireUser(context).id, displayName: "Ada" } };
    },
    ...{ createUser: unexpected, updateUser: unexpected, deleteUser: unexpected },
    ...{ createSession: unexpected, refreshSession: unexpected, revokeSession: unexpected },
  }),
);
await mesh.serve(
  { services: [OrderService], events: file_shop_order_v1_order_events, reactions: OrderReactionService },
  implement(OrderService, {
    async listOrders({ userId, pageSize }, context) {
      await behaviour.orders(context);
      expect([userId, pageSize]).toEqual([requireUser(context).id, 5]);
      return { orders: [{ id: "order-1", items: [{ productId: "book-1" }] }] };
    },
    ...{ placeOrder: unexpected, getOrder: unexpected, cancelOrder: unexpected },
    // biome-ignore lint/correctness/useYield: nobody is expected to watch
    async *watchOrder() {
      await unexpected();
    },
  }),
);
await mesh.serve(
  { services: [CatalogService], events: file_shop_catalog_v1_catalog_events, reactions: CatalogReactionService },
  implement(CatalogService, {
    async listProducts(_, context) {
      await behaviour.catalog(context);
      return { products: [book(1), book(2, false), book(3), book(4), book(5), book(6), book(7), book(8)] };
    },
    ...{ getProduct: unexpected, createProduct: unexpected, updateProduct: unexpected, batchGetProducts: unexpected },
    ...{ listCategories: unexpected, createCategory: unexpected },
  }),
);
const service = await mesh.start(dashboardService(mesh.config(DashboardService), { partDeadlineMs: 1_500 }));
const client = await mesh.client(DashboardService, service.address);
const user = someUser("customer");

afterAll(() => mesh[Symbol.asyncDispose]());

async function dashboard(now: Partial<typeof behaviour> = {}) {
  Object.assign(behaviour, { identity: well, orders: well, catalog: well }, now);
  const { profile, recentOrders, recommendedProducts, missing } = await client.getDashboard({}, await mesh.as(user));
  return {
    profile: profile?.id,
    orders: recentOrders.map(({ id }) => id),
    products: recommendedProducts.map(({ id }) => id),
    missing: missing.map(({ part, code, reason }) => [
      DashboardPartSchema.value[part]?.localName,
      CodeSchema.value[code]?.name,
      reason,
    ]),
  };
}

const whole = {
  profile: user.id,
  orders: ["order-1"],
  // Not what is ordered already, nor what is out of stock.
  products: ["book-3", "book-4", "book-5", "book-6", "book-7"],
  missing: [],
};

test("all parts come in one answer", async () => {
  expect(await dashboard()).toEqual(whole);
});

test("a part that fails is missing, with the reason of its service", async () => {
  const missing = [["RECOMMENDED_PRODUCTS", "FAILED_PRECONDITION", "not today"]];
  expect(await dashboard({ catalog: refuses })).toEqual({ ...whole, products: [], missing });
});

test("a part that is late is missing when its own deadline passes", async () => {
  const late = ["PROFILE", "DEADLINE_EXCEEDED", expect.any(String)];
  expect(await dashboard({ identity: never })).toEqual({ ...whole, profile: undefined, missing: [late] });
});

test("without the orders there are recommendations all the same", async () => {
  const { products, missing } = await dashboard({ orders: refuses });
  expect(products).toEqual(["book-1", "book-3", "book-4", "book-5", "book-6"]);
  expect(missing).toEqual([["RECENT_ORDERS", "FAILED_PRECONDITION", "not today"]]);
});

test("with nothing at all there is still an answer", async () => {
  const { missing, ...rest } = await dashboard({ identity: never, orders: refuses, catalog: never });
  expect(rest).toEqual({ profile: undefined, orders: [], products: [] });
  expect(missing.map(([part]) => part)).toEqual(["PROFILE", "RECENT_ORDERS", "RECOMMENDED_PRODUCTS"]);
});

test("nobody in particular has no dashboard", async () => {
  await expect(client.getDashboard({})).rejects.toMatchObject({ code: Code.Unauthenticated });
});
