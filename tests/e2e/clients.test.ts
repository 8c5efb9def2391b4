import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import {
  CatalogService,
  ListProductsRequestSchema,
  type ListProductsResponse,
  ListProductsResponseSchema,
} from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { OrderService, OrderStatus } from "#gen/shop/order/v1/order_service_pb.ts";
import { address, demoProduct } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

let shop: TestShop;
let authority: string;

beforeAll(async () => {
  shop = await startShop();
  authority = join(shop.dataFolder, "identity", "ca.crt");
});

afterAll(() => shop?.[Symbol.asyncDispose]());

const protocols = [
  [
    "Connect with JSON",
    (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  ],
  [
    "Connect with binary",
    (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true }),
  ],
  ["gRPC-Web", (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
] as const;

describe.each(protocols)("%s through the gateway", (_name, transportTo) => {
  it("places an order that is confirmed", async () => {
    const transport = transportTo(shop.url);
    const session = await createClient(IdentityService, transport).createSession({
      email: "ada@heddle.local",
      password: "heddle-demo",
    });
    const orders = createClient(OrderService, transport);
    const headers = { authorization: `Bearer ${session.accessToken}` };
    const { order } = await orders.placeOrder(
      {
        items: [{ productId: demoProduct(1), quantity: 1 }],
        paymentMethod: "pm_card_visa",
        shippingAddress: address,
      },
      { headers },
    );
    const id = order?.id ?? "";
    await expect
      .poll(async () => (await orders.getOrder({ id }, { headers })).order?.status)
      .toBe(OrderStatus.CONFIRMED);
  });

  it("shows errors with their details", async () => {
    const catalog = createClient(CatalogService, transportTo(shop.url));
    const id = "01980000-0000-7000-8000-000000009999";
    const error = ConnectError.from(await catalog.getProduct({ id }).catch((reason: unknown) => reason));
    expect(error.code).toBe(Code.NotFound);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "PRODUCT_NOT_FOUND", domain: "shop.catalog", metadata: { product_id: id } },
    ]);
  });
});

describe("a service's own port", () => {
  /** As tools from outside call it: TLS knows machines by their names. */
  const onLocalhost = (service: string) => shop.address(service).replace("127.0.0.1", "localhost");

  it("answers a plain grpc-js client", async () => {
    const definition = {
      path: "/shop.catalog.v1.CatalogService/ListProducts",
      requestStream: false,
      responseStream: false,
      requestSerialize: (size: number) =>
        Buffer.from(toBinary(ListProductsRequestSchema, create(ListProductsRequestSchema, { pageSize: size }))),
      requestDeserialize: () => 0,
      responseSerialize: () => Buffer.alloc(0),
      responseDeserialize: (bytes: Buffer) => fromBinary(ListProductsResponseSchema, bytes),
    } as const;
    const Catalog = makeGenericClientConstructor({ listProducts: definition }, "CatalogService");
    const client = new Catalog(onLocalhost("shop.catalog"), credentials.createSsl(await readFile(authority)));
    try {
      const answer = await new Promise<ListProductsResponse>((resolve, reject) => {
        client.makeUnaryRequest<number, ListProductsResponse>(
          definition.path,
          definition.requestSerialize,
          definition.responseDeserialize,
          3,
          (error, value) => (value ? resolve(value) : reject(error)),
        );
      });
      expect(answer.products).toHaveLength(3);
    } finally {
      client.close();
    }
  });

  it("answers Connect's gRPC client", async () => {
    const baseUrl = `https://${onLocalhost("shop.catalog")}`;
    const transport = createGrpcTransport({ baseUrl, nodeOptions: { ca: await readFile(authority) } });
    const { products } = await createClient(CatalogService, transport).listProducts({ query: "tea" });
    expect(products.length).toBeGreaterThan(0);
  });

  it.each([
    "platform.identity",
    "shop.catalog",
    "shop.inventory",
    "shop.order",
    "shop.payment",
    "shop.shipping",
    "shop.dashboard",
  ])("answers buf curl by reflection: %s", async (service) => {
    const url = `https://${onLocalhost(service)}`;
    const { stdout } = await promisify(execFile)("node_modules/.bin/buf", [
      "curl",
      "--protocol",
      "grpc",
      "--cacert",
      authority,
      "--list-services",
      url,
    ]);
    expect(stdout).toContain(`${service}.v1.`);
    expect(stdout).toContain("grpc.health.v1.Health");
  });

  it("is called by buf curl with what reflection says", async () => {
    const { stdout } = await promisify(execFile)("node_modules/.bin/buf", [
      "curl",
      "--protocol",
      "grpc",
      "--cacert",
      authority,
      "--data",
      '{"pageSize": 2}',
      `https://${onLocalhost("shop.catalog")}/shop.catalog.v1.CatalogService/ListProducts`,
    ]);
    expect(JSON.parse(stdout).products).toHaveLength(2);
  });
});
