import { request as httpRequest } from "node:http";
import { connect } from "node:http2";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { JsonObject } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { callHttp2, type FeedSink, startFeed, upload } from "../feed.fixture.ts";
import { formBody, formType, named } from "../form.fixture.ts";
import { defaultClientLimits } from "../http/client-limits.ts";
import { call } from "../library.fixture.ts";

const maxUploadBytes = 100_000;
const line = '{"text":"0123456789"}\n';
const ndjson = { "content-type": "application/x-ndjson" };

/** Starts a service that says what came of each stream, behind a gateway with the limit. */
async function startTaking() {
  const outcomes: string[] = [];
  const take: FeedSink = async (requests: AsyncIterable<JsonObject>, { signal }) => {
    try {
      for await (const _ of requests) if (outcomes.length === 0) outcomes.push("begun");
      outcomes.push("whole");
    } catch {
      outcomes.push(`cut ${signal.aborted}`);
    }
    return {};
  };
  const config = { clients: { ...defaultClientLimits, maxUploadBytes } };
  const feed = await startFeed({ config, append: take, import: take, importForm: take });
  return Object.assign(feed, { outcomes });
}

/** Every form that a stream of requests has, of a size. */
const bodies: [name: string, path: string, headers: Record<string, string>, body: (bytes: number) => string][] = [
  ["NDJSON", "entries", ndjson, (bytes) => line.repeat(bytes / line.length).padEnd(bytes)],
  ["an array", "entries", { "content-type": "application/json" }, (bytes) => `[{}${",{}".repeat(9)}]`.padEnd(bytes)],
  ["bytes", ":import", { "content-type": "image/png" }, (bytes) => "x".repeat(bytes)],
  ["a form", "forms", formType, (bytes) => formOf("x".repeat(bytes - formOf("").length))],
];

const formOf = (text: string) => formBody([named("file", "; filename=a"), text]);

const pathOf = (path: string) => `/v1/feeds/7${path.startsWith(":") ? "" : "/"}${path}`;

test.for(bodies)(
  "%s may be as large as the limit, and with a byte more is cut off",
  async ([, path, headers, body]) => {
    await using feed = await startTaking();
    const inTwo = async function* (text: string) {
      yield text.slice(0, -1_000);
      await expect.poll(() => feed.outcomes).toEqual(["begun"]);
      yield text.slice(-1_000);
    };
    for (const [more, status, outcome] of [
      [0, 200, "whole"],
      [1, 413, "cut true"],
    ] as const) {
      const text = body(maxUploadBytes + more);
      expect((await upload(feed.url, pathOf(path), headers, inTwo(text))).status).toBe(status);
      await expect.poll(() => feed.outcomes).toEqual(["begun", outcome]);
      feed.outcomes.length = 0;
      const http2 = await callHttp2(feed.url, `POST ${pathOf(path)}`, { headers, body: Buffer.from(text) });
      expect([http2.status, feed.outcomes.includes("whole")]).toEqual([status, more === 0]);
      feed.outcomes.length = 0;
    }
  },
);

test("one that says that it is too large is refused before its service hears of it", async () => {
  await using feed = await startTaking();
  for (const [, path, headers, body] of bodies) {
    const answer = await call(feed.url, `POST ${pathOf(path)}`, { headers, body: body(maxUploadBytes + 1) });
    expect(answer.status).toBe(413);
  }
  expect(feed.outcomes).toEqual([]);
});

test.for([
  ["what it inflates to", "br", brotliCompressSync(line.repeat(10_000))],
  ["what inflates to nothing", "gzip", Buffer.concat(Array(6_000).fill(gzipSync("")))],
] as const)("the limit holds for a compressed body: %s", async ([, coding, body]) => {
  await using feed = await startTaking();
  const headers = { ...ndjson, "content-encoding": coding };
  const chunks = async function* () {
    yield body;
  };
  const answer = await upload(feed.url, pathOf("entries"), headers, chunks());
  expect([answer.status, answer.text]).toEqual([413, expect.stringContaining("larger than 100000 bytes")]);
  expect(feed.outcomes).not.toContain("whole");
});

test("a client that goes on for ever is cut off, by HTTP/2 without its connection", async () => {
  await using feed = await startTaking();
  const request = httpRequest(`${feed.url}${pathOf("entries")}`, { method: "POST", headers: ndjson, agent: false });
  const statuses: (number | undefined)[] = [];
  request.on("error", () => undefined).on("response", ({ statusCode }) => statuses.push(statusCode));
  const lines = line.repeat(10_000);
  const goOn = () => !request.destroyed && request.write(lines, goOn);
  goOn();
  await new Promise((resolve) => request.on("close", resolve));
  const session = connect(feed.url);
  const stream = session.request({ ":method": "POST", ":path": pathOf("entries"), ...ndjson });
  stream
    .on("error", () => undefined)
    .on("response", (headers) => {
      statuses.push(headers[":status"]);
      stream.resume();
    });
  const goOn2 = () => !stream.closed && stream.write(lines, goOn2);
  goOn2();
  await new Promise((resolve) => stream.on("close", resolve));
  expect([statuses, session.closed]).toEqual([[413, 413], false]);
  session.destroy();
});
