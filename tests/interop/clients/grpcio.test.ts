import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { testAuthority } from "#mesh/testing";
import { startLibrary } from "../../../gateway/library.fixture.ts";
import { startShop, type TestShop } from "../../e2e/shop.ts";
import { installGrpcio } from "../install.ts";
import { startCountingRelay } from "./counting-relay.fixture.ts";
import { runProgram } from "./program.fixture.ts";
import { ada, order, productNotFound, unknownProduct } from "./shop.fixture.ts";

const python = await installGrpcio();
const client = join(import.meta.dirname, "grpcio_client.py");
const watchBook = "test.library.v1.Library/WatchBook";
const getBook = "test.library.v1.Library/GetBook";
let shop: TestShop;

beforeAll(async () => {
  shop = await startShop();
});

afterAll(() => shop?.[Symbol.asyncDispose]());

test("signs in, places an order, and watches it come to its end", async () => {
  const signedIn = await call(shop.url, "platform.identity.v1.IdentityService/CreateSession", ada);
  const metadata = [["authorization", `Bearer ${signedIn.messages[0].accessToken}`]];
  const placed = await call(shop.url, "shop.order.v1.OrderService/PlaceOrder", order, { metadata });
  expect(placed).toMatchObject({ code: "OK", messages: [{ order: { status: "ORDER_STATUS_PENDING" } }] });
  const { id } = placed.messages[0].order;
  const watched = await call(shop.url, "shop.order.v1.OrderService/WatchOrder", { id }, { metadata });
  expect(watched.code).toBe("OK");
  expect(watched.messages.at(-1)).toMatchObject({ order: { id, status: "ORDER_STATUS_CONFIRMED" }, version: 2 });
  const refused = await call(shop.url, "shop.order.v1.OrderService/WatchOrder", { id });
  expect([refused.code, refused.messages]).toEqual(["UNAUTHENTICATED", []]);
});

test("reads an error's code, message and details", async () => {
  const failed = await call(shop.url, "shop.catalog.v1.CatalogService/GetProduct", { id: unknownProduct });
  expect(failed).toMatchObject({ code: "NOT_FOUND", details: [productNotFound], messages: [] });
  await using library = await startLibrary({
    async *watch() {
      yield { title: "first" };
      const error = new ConnectError("gone: “7” 100%", Code.DataLoss);
      error.details.push({ desc: ErrorInfoSchema, value: { reason: "BOOK_GONE", domain: "test.library" } });
      throw error;
    },
  });
  const broken = await call(library.url, watchBook, { id: "7" });
  expect(broken).toMatchObject({ code: "DATA_LOSS", message: "gone: “7” 100%", messages: [{ title: "first" }] });
  expect(broken.details).toMatchObject([{ reason: "BOOK_GONE", domain: "test.library" }]);
});

test("streams requests, and converses", async () => {
  await using library = await startLibrary();
  const books = [{ id: "1" }, { id: "2" }, { id: "3" }];
  const counted = await call(library.url, "test.library.v1.Library/CountBooks", books);
  expect(counted).toMatchObject({ code: "OK", messages: [{ book: { copies: "3" } }] });
  const talked = await call(library.url, "test.library.v1.Library/Discuss", books);
  expect(talked).toMatchObject({ code: "OK", messages: books });
});

test("a timeout and a cancellation end a call, in the service too", async () => {
  const aborted: unknown[] = [];
  await using library = await startLibrary({
    async *watch(_, { signal }) {
      const ends = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => ends.resolve());
      yield { title: "first" };
      await ends.promise;
      aborted.push(signal.reason);
    },
  });
  const late = await call(library.url, watchBook, { id: "7" }, { timeout: 5 });
  expect(late).toMatchObject({ code: "DEADLINE_EXCEEDED", messages: [{ title: "first" }] });
  const cancelled = await call(library.url, watchBook, { id: "7" }, { cancelAfter: 1 });
  expect(cancelled).toMatchObject({ code: "CANCELLED", messages: [{ title: "first" }] });
  await expect.poll(() => aborted.length).toBe(2);
});

test("metadata passes in both directions, binary too", async () => {
  const seen: (string | null)[] = [];
  await using library = await startLibrary({
    async unary(_, { requestHeader, responseHeader, responseTrailer }) {
      seen.push(requestHeader.get("x-app-version"), requestHeader.get("cover-bin"));
      responseHeader.set("x-shelf", "4");
      responseTrailer.set("cover-bin", Buffer.from([0, 1, 254, 255]).toString("base64"));
      return {};
    },
    config: { metadata: { forwardHeaders: ["x-app-*", "cover-bin"], showMetadata: ["*"] } },
  });
  const metadata = [
    ["x-app-version", "7"],
    ["cover-bin", "0001feff"],
  ];
  const answer = await call(library.url, getBook, { id: "7" }, { metadata });
  expect(answer).toMatchObject({ code: "OK", header: { "x-shelf": "4" }, trailer: { "cover-bin": "0001feff" } });
  expect(Buffer.from(seen[1] ?? "", "base64").toString("hex")).toBe("0001feff");
  expect(seen[0]).toBe("7");
});

test("messages travel in gzip in both directions", async () => {
  const title = "a title that says the same ".repeat(20_000);
  await using library = await startLibrary();
  const create = "test.library.v1.Library/CreateBook";
  const metadata = [["authorization", "Bearer ada"]];
  for (const gzip of [false, true]) {
    await using relay = await startCountingRelay(library.url);
    const answer = await call(`http://${relay.address}`, create, { book: { title } }, { gzip, metadata });
    expect(answer).toMatchObject({ code: "OK", messages: [{ book: { title } }] });
    expect(relay.bytes.sent < title.length / 4).toBe(gzip);
    // grpcio always says that it takes gzip.
    expect(relay.bytes.received).toBeLessThan(title.length / 4);
  }
});

test("speaks TLS", async () => {
  using authority = await testAuthority();
  const tls = authority.write(await authority.issue("spiffe://heddle.local/edge"));
  await using library = await startLibrary({ config: { tls } });
  const url = library.url.replace("127.0.0.1", "localhost");
  const answer = await call(url, getBook, { id: "7" }, { authorities: tls.authorities });
  expect(answer).toMatchObject({ code: "OK", messages: [{ book: { id: "7" } }] });
});

/** How a call is made: metadata as pairs, a timeout in seconds, after how many messages it is cancelled. */
interface How {
  readonly metadata?: readonly (readonly string[])[];
  readonly timeout?: number;
  readonly cancelAfter?: number;
  readonly gzip?: boolean;
  readonly authorities?: string;
}

async function call(url: string, method: string, requests: object | readonly object[], how: How = {}) {
  const { host: address } = new URL(url);
  const all = { metadata: [], ...how, address, method, requests: Array.isArray(requests) ? requests : [requests] };
  const { code, stdout, stderr } = await runProgram(python, [client], JSON.stringify(all));
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}
