import { afterAll, beforeAll, expect, test } from "vitest";
import { testAuthority } from "#mesh/testing";
import { startLibrary } from "../../../gateway/library.fixture.ts";
import { startShop, type TestShop } from "../../e2e/shop.ts";
import { installGrpcurl } from "./install.ts";
import { readJsons, runProgram, startProgram } from "./program.fixture.ts";
import { ada, order, unknownProduct } from "./shop.fixture.ts";

const grpcurl = await installGrpcurl();
/** grpcurl ends with this much more than the code of gRPC. */
const statusBase = 64;
let shop: TestShop;

beforeAll(async () => {
  shop = await startShop();
});

afterAll(() => shop?.[Symbol.asyncDispose]());

test("lists and describes what people may call, with the options of the contract", async () => {
  const services = (await ask(["list"])).stdout.trim().split("\n");
  expect(services).toEqual(
    expect.arrayContaining(["shop.catalog.v1.CatalogService", "shop.order.v1.OrderService", "grpc.health.v1.Health"]),
  );
  const described = (await ask(["describe", "shop.order.v1.OrderService"])).stdout;
  expect(described).toContain("rpc WatchOrder ( .shop.order.v1.WatchOrderRequest )");
  expect(described).toContain("returns ( stream .shop.order.v1.WatchOrderResponse )");
  expect(described).toContain('option (.google.api.http) = { get: "/v1/orders/{id}:watch" }');
  const message = (await ask(["describe", "shop.order.v1.WatchOrderRequest"])).stdout;
  expect(message).toContain("(.buf.validate.field) = { string: { uuid: true } }");
});

test("signs in, places an order, and watches it come to its end", async () => {
  const session = await messageOf("platform.identity.v1.IdentityService/CreateSession", ada);
  const token = ["-H", `authorization: Bearer ${session.accessToken}`];
  const placed = await messageOf("shop.order.v1.OrderService/PlaceOrder", order, token);
  expect(placed).toMatchObject({ order: { status: "ORDER_STATUS_PENDING" } });
  const watch = ["shop.order.v1.OrderService/WatchOrder"];
  const watched = await ask(watch, [...token, ...data({ id: placed.order.id })]);
  expect(readJsons(watched.stdout).at(-1)).toMatchObject({ order: { status: "ORDER_STATUS_CONFIRMED" }, version: 2 });
  const refused = await ask(watch, data({ id: placed.order.id }));
  expect([refused.code, refused.stderr]).toEqual([statusBase + 16, expect.stringContaining("Code: Unauthenticated")]);
});

test("prints an error with its details", async () => {
  const failed = await ask(["shop.catalog.v1.CatalogService/GetProduct"], data({ id: unknownProduct }));
  expect(failed.code).toBe(statusBase + 5);
  expect(failed.stderr).toContain("Code: NotFound");
  expect(failed.stderr).toContain('"reason": "PRODUCT_NOT_FOUND"');
  const invalid = await ask(["shop.catalog.v1.CatalogService/GetProduct"], data({ id: "tea" }));
  expect(invalid.code).toBe(statusBase + 3);
  expect(invalid.stderr).toContain('"@type": "type.googleapis.com/google.rpc.BadRequest"');
});

test("is told of the gateway's health and of a service's", async () => {
  for (const service of ["", "shop.order.v1.OrderService"]) {
    expect(await messageOf("grpc.health.v1.Health/Check", { service })).toEqual({ status: "SERVING" });
  }
});

test("-max-time ends a call, in the service too", async () => {
  const aborted = Promise.withResolvers<void>();
  await using library = await startLibrary({
    async *watch(_, { signal }) {
      signal.addEventListener("abort", () => aborted.resolve());
      yield { title: "first" };
      await aborted.promise;
    },
  });
  const ended = await ask(["test.library.v1.Library/WatchBook"], ["-max-time", "5"], library.url);
  expect([ended.code, readJsons(ended.stdout)]).toEqual([statusBase + 4, [{ title: "first" }]]);
  expect(ended.stderr).toContain("Code: DeadlineExceeded");
  await aborted.promise;
});

test("streams requests, and converses", async () => {
  await using library = await startLibrary();
  const target = library.url.replace("http://", "");
  const args = (method: string) => ["-plaintext", "-d", "@", target, `test.library.v1.Library/${method}`];
  const counted = await runProgram(grpcurl, args("CountBooks"), '{"id":"1"}{"id":"2"}{"id":"3"}');
  expect([counted.code, readJsons(counted.stdout)]).toEqual([0, [{ book: { copies: "3" } }]]);
  const talk = startProgram(grpcurl, args("Discuss"));
  for (const id of ["first", "second"]) {
    talk.write(JSON.stringify({ id }));
    await talk.until(id);
  }
  expect((await talk.end()).code).toBe(0);
});

test("speaks TLS, and trusts the authority that it is given alone", async () => {
  using authority = await testAuthority();
  const tls = authority.write(await authority.issue("spiffe://heddle.local/edge"));
  await using library = await startLibrary({ config: { tls } });
  // TLS knows machines by their names.
  const target = library.url.replace("https://127.0.0.1", "localhost");
  const args = ["-d", '{"id":"7"}', target, "test.library.v1.Library/GetBook"];
  const known = await runProgram(grpcurl, ["-cacert", tls.authorities, ...args]);
  expect([known.code, readJsons(known.stdout)]).toMatchObject([0, [{ book: { id: "7" } }]]);
  const unknown = await runProgram(grpcurl, args);
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining("certificate")]);
});

function data(request: object): string[] {
  return ["-d", JSON.stringify(request)];
}

/** Runs grpcurl in plaintext: `words` say what to do. */
function ask(words: readonly string[], flags: readonly string[] = [], url = shop.url) {
  return runProgram(grpcurl, ["-plaintext", ...flags, url.replace("http://", ""), ...words]);
}

async function messageOf(method: string, request: object, flags: readonly string[] = []) {
  const { code, stdout, stderr } = await ask([method], [...flags, ...data(request)]);
  expect(code, stderr).toBe(0);
  return readJsons(stdout)[0];
}
