import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, describe, expect, test } from "vitest";
import { CatalogReactionService } from "#gen/shop/catalog/reactions/v1/catalog_reactions_pb.ts";
import {
  file_shop_catalog_v1_catalog_events,
  ProductCreatedSchema,
  ProductUpdatedSchema,
} from "#gen/shop/catalog/v1/catalog_events_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderCancelledSchema, OrderPlacedSchema } from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderReason, OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { ShippingService } from "#gen/shop/shipping/v1/shipping_service_pb.ts";
import { implement } from "#mesh/rpc";
import type { Service } from "#mesh/service";
import { catalogService } from "../../services/shop/catalog/service.ts";
import { inventoryService } from "../../services/shop/inventory/service.ts";
import { someUser, type TestMesh, testMesh, unexpected } from "../../services/shop/mesh.fixture.ts";
import { orderService } from "../../services/shop/order/service.ts";
import { runProvider } from "../../services/shop/payment/provider.fixture.ts";
import { paymentService } from "../../services/shop/payment/service.ts";
import { shippingService } from "../../services/shop/shipping/service.ts";
import { readContracts } from "./contracts.ts";
import { type Consumer, type Replay, replayTo } from "./replay.fixture.ts";
import { type RecordedEvent, readStories } from "./story.ts";

type Command = NonNullable<Consumer["command"]>;

const stories = readStories();
const contracts = await readContracts();
const deadlineMs = 300;
const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

const consumers: Record<string, (mesh: TestMesh, story: string) => Promise<{ service: Service; command?: Command }>> = {
  "shop.catalog": async (mesh) => {
    const service = catalogService(mesh.config(CatalogService), { demoData: true });
    return { service, command: (event) => makeOrChange(mesh, service, event) };
  },
  "shop.inventory": async (mesh) => {
    const service = inventoryService(mesh.config(InventoryService), { demoData: true });
    return { service, command: (event) => adjustStock(mesh, service, event) };
  },
  "shop.order": async (mesh, story) => {
    await serveAnyProduct(mesh);
    const late = story.startsWith("deadline");
    const service = orderService(mesh.config(OrderService), { deadlineMs: late ? deadlineMs : 0 });
    return { service, command: (event) => placeOrCancel(mesh, service, event) };
  },
  "shop.payment": async (mesh) => {
    const provider = stack.use(await runProvider(4_000));
    return { service: paymentService(mesh.config(PaymentService), { providerUrl: provider.url }) };
  },
  "shop.shipping": async (mesh) => ({ service: shippingService(mesh.config(ShippingService)) }),
};

/** The catalog of a neighbour that sells whatever is asked for. */
async function serveAnyProduct(mesh: TestMesh): Promise<void> {
  const price = { currencyCode: "EUR", units: 12n, nanos: 0 };
  const handlers = implement(CatalogService, {
    ...{ listProducts: unexpected, getProduct: unexpected, createProduct: unexpected, updateProduct: unexpected },
    ...{ listCategories: unexpected, createCategory: unexpected },
    batchGetProducts: async ({ ids }) => ({ products: ids.map((id) => ({ id, name: "Shuttle", price })) }),
  });
  const events = file_shop_catalog_v1_catalog_events;
  await mesh.serve({ services: [CatalogService], events, reactions: CatalogReactionService }, handlers);
}

async function makeOrChange(mesh: TestMesh, service: Service, { type, key }: RecordedEvent) {
  const client = await mesh.client(CatalogService, service.address);
  const admin = await mesh.as(someUser("admin"));
  if (type === ProductCreatedSchema.typeName) {
    const price = { currencyCode: "EUR", units: 12n };
    return (await client.createProduct({ product: { name: "Shuttle", category: "books", price } }, admin)).product?.id;
  }
  if (type !== ProductUpdatedSchema.typeName) return undefined;
  const product = { id: key, name: "Flying shuttle" };
  await client.updateProduct({ product, updateMask: { paths: ["name"] } }, admin);
  return undefined;
}

async function adjustStock(mesh: TestMesh, service: Service, { type, key }: RecordedEvent): Promise<undefined> {
  if (type !== "shop.inventory.v1.StockAdjusted") return;
  const client = await mesh.client(InventoryService, service.address);
  await client.adjustStock({ productId: key, delta: 4, reason: "delivery" }, await mesh.as(someUser("admin")));
}

async function placeOrCancel(mesh: TestMesh, service: Service, event: RecordedEvent): Promise<string | undefined> {
  const payload = Buffer.from(event.payload, "base64");
  const client = await mesh.client(OrderService, service.address);
  if (event.type === OrderPlacedSchema.typeName) {
    const { userId, items: wanted, paymentMethod } = fromBinary(OrderPlacedSchema, payload);
    const items = wanted.map(({ productId, quantity }) => ({ productId, quantity }));
    const shippingAddress = {
      recipient: "Ada",
      line1: "1 Loom Street",
      city: "London",
      postalCode: "E1",
      country: "GB",
    };
    const request = { items, paymentMethod, shippingAddress };
    return (await client.placeOrder(request, await mesh.as({ id: userId }))).order?.id;
  }
  if (event.type !== OrderCancelledSchema.typeName) return undefined;
  const { orderId, userId, reason } = fromBinary(OrderCancelledSchema, payload);
  if (reason === OrderReason.CANCELLED_BY_CUSTOMER) {
    await client.cancelOrder({ id: orderId }, await mesh.as({ id: userId }));
  }
  return undefined;
}

test("every event that a contract can announce is recorded", () => {
  const recorded = new Set(stories.flatMap(({ events }) => events.map(({ type }) => type)));
  const announced = [...contracts.values()].flatMap(({ events }) => [...events.keys()]);
  expect(announced.length).toBeGreaterThan(10);
  expect(announced.filter((type) => !recorded.has(type))).toEqual([]);
});

test("every service that takes events in is fed", () => {
  const reacting = [...contracts.values()].filter(({ reactions }) => (reactions?.events.length ?? 0) > 0);
  expect(Object.keys(consumers).toSorted()).toEqual(reacting.map(({ name }) => name).toSorted());
});

describe.each(Object.entries(consumers))("%s of today takes in what was recorded", (name, create) => {
  const replays = new Map<boolean, Promise<Replay>>();

  async function prepare(story: string): Promise<Replay> {
    const contract = contracts.get(name);
    if (!contract) throw new Error(`${name} has no contract`);
    const mesh = stack.use(await testMesh());
    const { service, command } = await create(mesh, story);
    const replay = await replayTo({ contract, contracts, mesh, ...(command && { command }) });
    await mesh.start(service);
    return replay;
  }

  test.each(stories.map((story) => [story.name, story] as const))(
    "%s",
    async (_, story) => {
      // Only the order has a deadline, and a short one suits no other story.
      const late = name === "shop.order" && story.name.startsWith("deadline");
      const replay = replays.get(late) ?? prepare(story.name);
      replays.set(late, replay);
      await (await replay)(story);
    },
    60_000,
  );
});
