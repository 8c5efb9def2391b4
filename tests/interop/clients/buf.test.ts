import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { testAuthority } from "#mesh/testing";
import { startLibrary } from "../../../gateway/library.fixture.ts";
import { startShop, type TestShop } from "../../e2e/shop.ts";
import { readJsons, runProgram, startProgram } from "./program.fixture.ts";
import { ada, order, unknownProduct } from "./shop.fixture.ts";

const buf = "node_modules/.bin/buf";
let shop: TestShop;

beforeAll(async () => {
  shop = await startShop();
});

afterAll(() => shop?.[Symbol.asyncDispose]());

describe.each(["connect", "grpc", "grpcweb"])("buf curl --protocol %s, by reflection", (protocol) => {
  const flags = ["--protocol", protocol, "--http2-prior-knowledge"];

  test("lists services and methods", async () => {
    const services = await runProgram(buf, ["curl", ...flags, "--list-services", shop.url]);
    expect(services.stdout.split("\n")).toContain("shop.order.v1.OrderService");
    const methods = await runProgram(buf, ["curl", ...flags, "--list-methods", shop.url]);
    expect(methods.stdout.split("\n")).toContain("shop.order.v1.OrderService/WatchOrder");
  });

  test("signs in, places an order, and watches it come to its end", async () => {
    const [session] = await messagesOf("platform.identity.v1.IdentityService/CreateSession", ada, flags);
    const token = [...flags, "-H", `authorization: Bearer ${session.accessToken}`];
    const [placed] = await messagesOf("shop.order.v1.OrderService/PlaceOrder", order, token);
    expect(placed).toMatchObject({ order: { status: "ORDER_STATUS_PENDING" } });
    const watched = await messagesOf("shop.order.v1.OrderService/WatchOrder", { id: placed.order.id }, token);
    expect(watched.at(-1)).toMatchObject({ order: { status: "ORDER_STATUS_CONFIRMED" }, version: 2 });
  });

  test("prints an error with its details", async () => {
    const failed = await call("shop.catalog.v1.CatalogService/GetProduct", { id: unknownProduct }, flags);
    // buf ends with eight times the code of gRPC.
    expect(failed.code).toBe(5 * 8);
    const { code, details } = JSON.parse(failed.stderr);
    expect([code, details[0].type]).toEqual(["not_found", ErrorInfoSchema.typeName]);
    const detail = fromBinary(ErrorInfoSchema, Buffer.from(details[0].value, "base64"));
    expect(detail).toMatchObject({ reason: "PRODUCT_NOT_FOUND", metadata: { product_id: unknownProduct } });
  });

  test("streams requests", async () => {
    await using library = await startLibrary();
    const url = `${library.url}/test.library.v1.Library/CountBooks`;
    const counted = await runProgram(buf, ["curl", ...flags, "-d", "@-", url], '{"id":"1"}{"id":"2"}{"id":"3"}');
    expect([counted.code, readJsons(counted.stdout)]).toEqual([0, [{ book: { copies: "3" } }]]);
  });
});

test.each(["connect", "grpc"])("buf curl converses by %s", async (protocol) => {
  await using library = await startLibrary();
  const flags = ["--protocol", protocol, "--http2-prior-knowledge", "-d", "@-"];
  const talk = startProgram(buf, ["curl", ...flags, `${library.url}/test.library.v1.Library/Discuss`]);
  for (const id of ["first", "second"]) {
    talk.write(JSON.stringify({ id }));
    await talk.until(id);
  }
  expect((await talk.end()).code).toBe(0);
});

test.each(["connect", "grpcweb"])(
  "buf curl --protocol %s needs no HTTP/2 with the contracts of /docs",
  async (protocol) => {
    const flags = ["--protocol", protocol, "--schema", `${shop.url}/docs/contracts.binpb`];
    const [page] = await messagesOf("shop.catalog.v1.CatalogService/ListProducts", { pageSize: 2 }, flags);
    expect(page.products).toHaveLength(2);
  },
);

test("buf curl speaks TLS", async () => {
  using authority = await testAuthority();
  const tls = authority.write(await authority.issue("spiffe://heddle.local/edge"));
  await using library = await startLibrary({ config: { tls } });
  const url = `${library.url.replace("127.0.0.1", "localhost")}/test.library.v1.Library/GetBook`;
  for (const protocol of ["connect", "grpc", "grpcweb"]) {
    const flags = ["--protocol", protocol, "--cacert", tls.authorities, "-d", '{"id":"7"}'];
    const answer = await runProgram(buf, ["curl", ...flags, url]);
    expect([answer.code, readJsons(answer.stdout)]).toMatchObject([0, [{ book: { id: "7" } }]]);
  }
});

function call(method: string, request: object, flags: readonly string[]) {
  return runProgram(buf, ["curl", ...flags, "-d", JSON.stringify(request), `${shop.url}/${method}`]);
}

async function messagesOf(method: string, request: object, flags: readonly string[]) {
  const { code, stdout, stderr } = await call(method, request, flags);
  expect(code, stderr).toBe(0);
  return readJsons(stdout);
}
