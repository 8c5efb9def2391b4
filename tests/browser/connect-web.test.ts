import { create, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Library, startLibrary } from "../../gateway/library.fixture.ts";
import { address, demoProduct } from "../e2e/customer.ts";
import { startShop, type TestShop } from "../e2e/shop.ts";
import { openPage, type TestPage } from "./browser.ts";
import type * as callingPage from "./calling-page.ts";
import { type PageServer, startPageServer } from "./page-server.ts";

const ada = { email: "ada@heddle.local", password: "heddle-demo" };
const order = {
  items: [{ productId: demoProduct(1), quantity: 1 }],
  paymentMethod: "pm_card_visa",
  shippingAddress: address,
};
const unknownProduct = "01980000-0000-7000-8000-000000009999";

/** The site whose pages may call, and one whose pages may not. */
let site: PageServer;
let stranger: PageServer;
let shop: TestShop;
let browser: TestPage;

beforeAll(async () => {
  site = await startPageServer();
  stranger = await startPageServer();
  shop = await startShop({ GATEWAY_CORS_ORIGINS: site.url });
  browser = await openPage();
  await browser.page.goto(site.url);
});

afterAll(async () => {
  for (const each of [browser, shop, stranger, site]) await each?.[Symbol.asyncDispose]();
});

const protocols = ["Connect", "Connect with binary", "gRPC-Web"] as const;

describe.each(protocols)("a page of another origin, by %s", (protocol) => {
  const target = () => ({ url: shop.url, protocol });

  it("signs in, places an order, and watches it come to its end", async () => {
    const statuses = await ask(browser.page, "buy", target(), ada, order);
    expect(statuses.at(-1)).toBe("ORDER_STATUS_CONFIRMED");
    expect(new Set(statuses).size).toBe(statuses.length);
  });

  it("reads the headers of an answer, and the details of an error", async () => {
    const { count, requestId } = await ask(browser.page, "listProducts", target(), 2);
    expect([count, requestId]).toEqual([2, expect.stringMatching(/./)]);
    const error = await ask(browser.page, "missProduct", target(), unknownProduct);
    expect(error).toMatchObject({ code: "NotFound", reasons: ["PRODUCT_NOT_FOUND"] });
  });

  it("gives up a stream, which the service is told", async () => {
    const aborted = Promise.withResolvers<void>();
    await using library = await startLibrary({
      async *watch(_, { signal }) {
        signal.addEventListener("abort", () => aborted.resolve());
        yield { title: "first" };
        await aborted.promise;
      },
      config: { corsOrigins: [site.url] },
    });
    const watch = `${Library.typeName}/watchBook`;
    const given = await ask(browser.page, "cancelAfterOne", { url: library.url, protocol }, libraryImage(), watch);
    expect(given).toMatchObject({ messages: [{ title: "first" }], error: { code: "Canceled" } });
    await aborted.promise;
  });

  it("is not served where its origin is not allowed", async () => {
    await using other = await openPage();
    await other.page.goto(stranger.url);
    await expect(ask(other.page, "listProducts", target(), 2)).rejects.toThrow("Failed to fetch");
    expect(other.faults).toContainEqual(expect.stringContaining("blocked by CORS policy"));
  });
});

it("asks with GET for what has no side effects", async () => {
  const requests: string[] = [];
  browser.page.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await ask(browser.page, "listProducts", { url: shop.url, protocol: "Connect" }, 3);
  expect(requests.filter((line) => line.includes("/shop."))).toEqual([
    "GET /shop.catalog.v1.CatalogService/ListProducts",
  ]);
});

type Functions = typeof callingPage;

/** Calls a function of calling-page.ts in the browser. */
function ask<Name extends keyof Functions>(
  page: Page,
  name: Name,
  ...args: Parameters<Functions[Name]>
): Promise<Awaited<ReturnType<Functions[Name]>>> {
  const code = `import("/tests/browser/calling-page.ts").then((page) => page.${name}(...${JSON.stringify(args)}))`;
  return page.evaluate(code);
}

/** The library's contract as a FileDescriptorSet in base64. */
function libraryImage(): string {
  const files = new Map<string, FileDescriptorProto>();
  const add = ({ proto, dependencies }: typeof Library.file) => {
    for (const each of dependencies) add(each);
    files.set(proto.name, proto);
  };
  add(Library.file);
  const set = create(FileDescriptorSetSchema, { file: [...files.values()] });
  return Buffer.from(toBinary(FileDescriptorSetSchema, set)).toString("base64");
}
