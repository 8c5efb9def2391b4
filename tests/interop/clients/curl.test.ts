import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testAuthority } from "#mesh/testing";
import { startFeed } from "../../../gateway/feed.fixture.ts";
import { startLibrary } from "../../../gateway/library.fixture.ts";
import { temporaryFolder } from "../../../gateway/standalone/standalone.fixture.ts";
import { catalogStocked } from "../../e2e/customer.ts";
import { startShop, type TestShop } from "../../e2e/shop.ts";
import { installCurl } from "./install.ts";
import { readJsons, runProgram, startProgram } from "./program.fixture.ts";
import { ada, order, productNotFound, unknownProduct } from "./shop.fixture.ts";

const program = await installCurl();
let shop: TestShop;

beforeAll(async () => {
  shop = await startShop();
  await catalogStocked(shop.http);
});

afterAll(() => shop?.[Symbol.asyncDispose]());

const versions = [
  ["1.1", ["--http1.1"]],
  ["2", ["--http2-prior-knowledge"]],
] as const;

describe.each(versions)("curl over HTTP/%s", (version, flags) => {
  test("signs in, places an order, and watches it come to its end as SSE and as NDJSON", async () => {
    const session = await curl(`${shop.url}/v1/sessions`, [...flags, "--json", JSON.stringify(ada)]);
    expect([session.status, session.version]).toEqual([200, version]);
    const token = [...flags, "--oauth2-bearer", JSON.parse(session.text).accessToken];
    const placed = await curl(`${shop.url}/v1/orders`, [...token, "--json", JSON.stringify(order)]);
    expect(placed.status).toBe(200);
    const { id } = JSON.parse(placed.text);
    const watch = (type: string) => curl(`${shop.url}/v1/orders/${id}:watch`, [...token, "-N", ...accept(type)]);
    const events = await watch("text/event-stream");
    expect([events.status, events.version]).toEqual([200, version]);
    expect(events.text.trim().split("\n\n").at(-1)).toMatch(/^id: 2\ndata: \{.*"status":"ORDER_STATUS_CONFIRMED"/);
    const lines = await watch("application/x-ndjson");
    expect(readJsons(lines.text).at(-1)).toMatchObject({ order: { status: "ORDER_STATUS_CONFIRMED" }, version: 2 });
    expect((await curl(`${shop.url}/v1/orders/${id}`, [...flags])).status).toBe(401);
  });

  test("reads an error with its details", async () => {
    const { status, text } = await curl(`${shop.url}/v1/products/${unknownProduct}`, flags);
    expect([status, JSON.parse(text)]).toMatchObject([404, { code: 5, details: [productNotFound] }]);
  });

  test("calls an rpc by Connect, with POST and with GET", async () => {
    const url = `${shop.url}/shop.catalog.v1.CatalogService/ListProducts`;
    const posted = await curl(url, [...flags, "--json", '{"pageSize":2}', "-H", "connect-protocol-version: 1"]);
    expect([posted.status, JSON.parse(posted.text).products.length]).toEqual([200, 2]);
    const query = ["connect=v1", "encoding=json", 'message={"pageSize":2}'];
    const got = await curl(url, [...flags, "-G", ...query.flatMap((each) => ["--data-urlencode", each])]);
    expect([got.status, JSON.parse(got.text)]).toEqual([200, JSON.parse(posted.text)]);
  });

  test("--compressed receives less, and reads the same", async () => {
    const url = `${shop.url}/v1/products?pageSize=100`;
    const plain = await curl(url, flags);
    const compressed = await curl(url, [...flags, "--compressed"]);
    expect(compressed.text).toBe(plain.text);
    expect(plain.received).toBe(Buffer.byteLength(plain.text));
    expect(compressed.received).toBeLessThan(plain.received / 2);
  });

  test("-N prints what a stream says while it goes on", async () => {
    for (const type of ["text/event-stream", "application/x-ndjson"]) {
      const gate = Promise.withResolvers<void>();
      await using library = await startLibrary({
        async *watch() {
          yield { title: "first" };
          await gate.promise;
          yield { title: "second" };
        },
      });
      const args = ["-sS", "-N", ...flags, ...accept(type), `${library.url}/v1/books/7:watch`];
      const watching = startProgram(program, args);
      await watching.until("first");
      gate.resolve();
      await watching.until("second");
      expect((await watching.end()).code).toBe(0);
    }
  });

  test("a stream that breaks off says so", async () => {
    await using library = await startLibrary({
      async *watch() {
        yield { title: "first" };
        throw new Error("lost");
      },
    });
    const url = `${library.url}/v1/books/7:watch`;
    const ended = await runProgram(program, ["-sS", ...flags, ...accept("application/x-ndjson"), url]);
    expect(readJsons(ended.stdout)).toMatchObject([{ title: "first" }, { error: { code: 13 } }]);
    // 18: a part of the body was missing. 92: the HTTP/2 stream was reset.
    expect([18, 92]).toContain(ended.code);
  });

  test("uploads a file, from disk and from a pipe, and lines of JSON", async () => {
    using folder = temporaryFolder();
    const bytes = randomBytes(3_000_000);
    const file = folder.write("upload", bytes);
    const hashes: string[] = [];
    await using feed = await startFeed({
      async importFile(requests) {
        const hash = createHash("sha256");
        for await (const { data } of requests) hash.update(Buffer.from(String(data ?? ""), "base64"));
        hashes.push(hash.digest("hex"));
        return { count: 1 };
      },
      async append(requests) {
        const texts = (await Array.fromAsync(requests)).map(({ text }) => String(text));
        return { count: texts.length, texts };
      },
    });
    const type = ["-H", "content-type: image/png"];
    const whole = await curl(`${feed.url}/v1/files`, [...flags, ...type, "--data-binary", `@${file}`]);
    expect([whole.status, JSON.parse(whole.text)]).toMatchObject([200, { count: 1 }]);
    // Without a length: chunked in HTTP/1.1.
    const piped = ["-c", `cat '${file}' | ${program} -sS ${flags.join(" ")} -T - -X POST '${feed.url}/v1/files'`];
    expect(JSON.parse((await runProgram("sh", piped)).stdout)).toMatchObject({ count: 1 });
    const hash = createHash("sha256").update(bytes).digest("hex");
    expect(hashes).toEqual([hash, hash]);
    const lines = folder.write("lines", '{"text":"a"}\n{"text":"b"}\n');
    const ndjson = ["-H", "content-type: application/x-ndjson", "--data-binary", `@${lines}`];
    const appended = await curl(`${feed.url}/v1/feeds/7/entries`, [...flags, ...ndjson]);
    expect([appended.status, JSON.parse(appended.text)]).toEqual([200, { count: 2, texts: ["a", "b"] }]);
  });

  test("a body that is too large is refused", async () => {
    using folder = temporaryFolder();
    const file = folder.write("large", `{"title":"${"x".repeat(5_000_000)}"}`);
    await using library = await startLibrary();
    const body = [
      "-H",
      "content-type: application/json",
      "-H",
      "authorization: Bearer ada",
      "--data-binary",
      `@${file}`,
    ];
    const refused = await curl(`${library.url}/v1/books`, [...flags, ...body]);
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([413, { code: 8 }]);
  });
});

test("a curl that asks for an upgrade to HTTP/2 in plaintext is answered by HTTP/1.1", async () => {
  const { status, version } = await curl(`${shop.url}/v1/products`, ["--http2"]);
  expect([status, version]).toEqual([200, "1.1"]);
});

test("curl agrees on the version by ALPN under TLS", async () => {
  using authority = await testAuthority();
  const tls = authority.write(await authority.issue("spiffe://heddle.local/edge"));
  await using library = await startLibrary({ config: { tls } });
  for (const [version, flag] of [
    ["2", "--http2"],
    ["1.1", "--http1.1"],
  ] as const) {
    const answer = await curl(`${library.url}/v1/books/7`, [flag, "--cacert", tls.authorities]);
    expect([answer.status, answer.version]).toEqual([200, version]);
  }
});

function accept(type: string): string[] {
  return ["-H", `accept: ${type}`];
}

async function curl(url: string, flags: readonly string[]) {
  using folder = temporaryFolder();
  const output = join(folder.folder, "body");
  const facts = "%{http_code} %{http_version} %{size_download}";
  const { code, stdout, stderr } = await runProgram(program, ["-sS", "-w", facts, "-o", output, ...flags, url]);
  expect(code, stderr).toBe(0);
  const [status, version, received] = stdout.split(" ");
  return { status: Number(status), version, received: Number(received), text: readFileSync(output, "utf8") };
}
