import { request as httpRequest } from "node:http";
import { brotliCompressSync, createGzip, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { JsonObject } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { callHttp2, startFeed } from "../feed.fixture.ts";
import { formBody, formType, named } from "../form.fixture.ts";
import { call } from "../library.fixture.ts";

const entries = "POST /v1/feeds/7/entries";
const ndjson = { "content-type": "application/x-ndjson" };
const lines = '{"text":"a"}\n'.repeat(10_000);
const codings = [
  ["gzip", gzipSync],
  ["br", brotliCompressSync],
  ["zstd", zstdCompressSync],
  ["deflate", deflateSync],
] as const;

/** Counts messages and bytes, and says what came of each stream. */
function counting() {
  const outcomes: string[] = [];
  const count = async (requests: AsyncIterable<JsonObject>): Promise<JsonObject> => {
    let size = 0;
    try {
      for await (const { file, data, text } of requests) {
        const { data: bytes = "" } = (file ?? { data: data ?? "" }) as { data?: string };
        size += text === undefined ? Buffer.from(bytes, "base64").length : 1;
      }
      outcomes.push("whole");
    } catch {
      outcomes.push("cut");
    }
    return { count: size };
  };
  return { outcomes, append: count, import: count, importFile: count, importForm: count };
}

test.for(codings)("NDJSON, an array, an upload and a form may be compressed: %s", async ([coding, compress]) => {
  const counted = counting();
  await using feed = await startFeed(counted);
  const form = formBody([named("name"), "a"], [named("file", "; filename=a"), "x".repeat(300_000)]);
  const bodies: [line: string, headers: Record<string, string>, body: string, count: number][] = [
    [entries, ndjson, lines, 10_000],
    [entries, { "content-type": "application/json" }, `[${Array(500).fill('{"text":"a"}')}]`, 500],
    ["POST /v1/files", { "content-type": "image/png" }, "x".repeat(300_000), 300_000],
    ["POST /v1/feeds/7:import", { "content-type": "image/png" }, "x".repeat(300_000), 300_000],
    ["POST /v1/feeds/7/forms", formType, form, 300_000],
  ];
  for (const [line, type, text, count] of bodies) {
    const headers = { ...type, "content-encoding": coding };
    const body = compress(Buffer.from(text));
    expect((await call(feed.url, line, { headers, body })).json()).toEqual({ count, texts: [] });
    const http2 = await callHttp2(feed.url, line, { headers, body });
    expect(JSON.parse(http2.text)).toEqual({ count, texts: [] });
  }
  const form7 = { headers: { ...formType, "content-encoding": coding } };
  const posted = compress(Buffer.from(formBody([named("title"), "a"])));
  expect((await call(feed.url, "POST /v1/feeds/7/posts", { ...form7, body: posted })).json()).toMatchObject({
    title: "a",
  });
});

test.for(codings)(
  "a body that is not whole, or more than that, is refused and cancels the call: %s",
  async ([coding, compress]) => {
    const counted = counting();
    await using feed = await startFeed(counted);
    const headers = { ...ndjson, "content-encoding": coding };
    const body = compress(Buffer.from(lines));
    for (const [bytes, message] of [
      [body.subarray(0, -9), `no valid ${coding}`],
      [body.subarray(0, -1), `no valid ${coding}`],
      [Buffer.from(lines), `no valid ${coding}`],
      [Buffer.concat([body, Buffer.from("more")]), coding],
    ] as const) {
      const answer = await call(feed.url, entries, { headers, body: bytes });
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(message)]);
    }
    await expect.poll(() => counted.outcomes.filter((outcome) => outcome !== "cut")).toEqual([]);
  },
);

test("a second frame is never passed over", async () => {
  await using feed = await startFeed(counting());
  const twice = (compress: (bytes: Buffer) => Buffer) =>
    Buffer.concat([compress(Buffer.from('{"text":"a"}\n')), compress(Buffer.from('{"text":"b"}\n'))]);
  const gzip = await call(feed.url, entries, {
    headers: { ...ndjson, "content-encoding": "gzip" },
    body: twice(gzipSync),
  });
  expect(gzip.json()).toEqual({ count: 2, texts: [] });
  const headers = { ...ndjson, "content-encoding": "zstd" };
  const zstd = await call(feed.url, entries, { headers, body: twice(zstdCompressSync) });
  expect([zstd.status, zstd.text]).toEqual([400, expect.stringContaining("something follows the zstd")]);
});

test("the limit of a message holds for what it is inflated to", async () => {
  const bomb = brotliCompressSync(Buffer.alloc(20_000_000, "a"));
  await using feed = await startFeed({ ...counting(), config: { maxBodyBytes: 100_000 } });
  const headers = { ...ndjson, "content-encoding": "br" };
  expect(bomb.length).toBeLessThan(1_000);
  const answer = await call(feed.url, entries, { headers, body: bomb });
  expect([answer.status, answer.text]).toEqual([413, expect.stringContaining("larger than 100000 bytes")]);
  const form = brotliCompressSync(Buffer.from(formBody([named("name"), "x".repeat(200_000)])));
  for (const path of ["forms", "posts"]) {
    const compressed = { headers: { ...formType, "content-encoding": "br" }, body: form };
    expect((await call(feed.url, `POST /v1/feeds/7/${path}`, compressed)).status).toBe(413);
  }
});

test("a coding that is not known is refused, and no bytes need none", async () => {
  const counted = counting();
  await using feed = await startFeed(counted);
  const unknown = await call(feed.url, entries, { headers: { ...ndjson, "content-encoding": "lzma" }, body: lines });
  expect([unknown.status, unknown.headers["accept-encoding"]]).toEqual([415, "zstd, br, gzip, deflate"]);
  expect(counted.outcomes).toEqual([]);
  for (const [coding] of codings) {
    const none = await call(feed.url, entries, { headers: { ...ndjson, "content-encoding": coding }, body: "" });
    expect([coding, none.status, none.json()]).toEqual([coding, 200, { count: 0, texts: [] }]);
  }
});

test("messages come through as they are sent, and a client that leaves has not said all", async () => {
  const texts: unknown[] = [];
  await using feed = await startFeed({
    async append(requests) {
      try {
        for await (const { text } of requests) texts.push(text);
      } catch {
        texts.push("cut");
      }
      return {};
    },
  });
  const headers = { ...ndjson, "content-encoding": "gzip" };
  const request = httpRequest(`${feed.url}/v1/feeds/7/entries`, { method: "POST", headers, agent: false });
  request.on("error", () => undefined);
  const gzip = createGzip();
  gzip.pipe(request);
  gzip.write('{"text":"a"}\n');
  gzip.flush();
  await expect.poll(() => texts).toEqual(["a"]);
  request.destroy();
  await expect.poll(() => texts).toEqual(["a", "cut"]);
});

test("a message that is refused is answered while the client still holds back the rest", async () => {
  await using feed = await startFeed(counting());
  const headers = { ...ndjson, "content-encoding": "gzip" };
  const request = httpRequest(`${feed.url}/v1/feeds/7/entries`, { method: "POST", headers, agent: false });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  request.on("error", reject).on("response", ({ statusCode = 0 }) => resolve(statusCode));
  const gzip = createGzip();
  gzip.pipe(request);
  gzip.write('{"text":5}\n');
  gzip.flush();
  expect(await promise).toBe(400);
  request.destroy();
});
