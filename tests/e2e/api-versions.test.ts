import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { Availability, CatalogService as CatalogServiceV2 } from "#gen/shop/catalog/v2/catalog_service_pb.ts";
import { catalogStocked, demoProduct } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

let shop: TestShop;
const id = demoProduct(2);
const rpc = "/shop.catalog.v2.CatalogService/GetProduct";

beforeAll(async () => {
  shop = await startShop();
  await catalogStocked(shop.http);
});

afterAll(() => shop?.[Symbol.asyncDispose]());

/** What an answer says of the end of its method. */
function endOf(headers: Headers): (string | null)[] {
  return ["deprecation", "sunset", "link"].map((name) => headers.get(name));
}

const end = ["@1795996800", "Tue, 30 Nov 2027 00:00:00 GMT"];

it("answers both versions of a method, side by side", async () => {
  const [first, second] = await Promise.all([1, 2].map((n) => shop.http(`GET /v${n}/products/${id}`)));
  expect(first?.body).toMatchObject({ id, createTime: expect.any(String) });
  expect(second?.body).toMatchObject({ id, name: first?.body.name, price: first?.body.price });
  expect(second?.body).toMatchObject({ availability: expect.stringMatching(/^AVAILABILITY_(IN|OUT_OF)_STOCK$/) });
});

it("tells clients of the old one when it ends and where to go, also when the call fails", async () => {
  const good = await shop.http(`GET /v1/products/${id}`);
  expect(endOf(good.headers)).toEqual([...end, `</v2/products/${id}>; rel="successor-version"`]);
  const missing = demoProduct(999_999);
  const bad = await shop.http(`GET /v1/products/${missing}`);
  expect([bad.status, ...endOf(bad.headers)]).toEqual([
    404,
    ...end,
    `</v2/products/${missing}>; rel="successor-version"`,
  ]);
  expect(endOf((await shop.http(`GET /v2/products/${id}`)).headers)).toEqual([null, null, null]);
  expect(endOf((await shop.http("GET /v1/products")).headers)).toEqual([null, null, null]);
});

it.each([
  ["Connect", () => createConnectTransport({ baseUrl: shop.url, httpVersion: "1.1" })],
  ["gRPC-Web", () => createGrpcWebTransport({ baseUrl: shop.url, httpVersion: "1.1" })],
])("tells them by %s too, with the rpc that takes its place", async (_name, open) => {
  let headers = new Headers();
  const onHeader = (sent: Headers) => {
    headers = sent;
  };
  const { product } = await createClient(CatalogService, open()).getProduct({ id }, { onHeader });
  expect([product?.id, ...endOf(headers)]).toEqual([id, ...end, `<${rpc}>; rel="successor-version"`]);
  const next = await createClient(CatalogServiceV2, open()).getProduct({ id }, { onHeader });
  expect([next.product?.availability, ...endOf(headers)]).toEqual([Availability.IN_STOCK, null, null, null]);
});

it("describes both, and the old one as deprecated", async () => {
  const { paths } = (await shop.http("GET /openapi.json")).body;
  expect(paths["/v1/products/{id}"].get).toMatchObject({
    deprecated: true,
    description: expect.stringContaining("may be gone from 2027-11-30 on. Use `shop.catalog.v2."),
  });
  expect(paths["/v2/products/{id}"].get.deprecated).toBeUndefined();
});
