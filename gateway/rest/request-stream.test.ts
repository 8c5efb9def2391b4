import { createHash, randomBytes } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:http2";
import { addAbortSignal } from "node:stream";
import type { JsonObject } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { callHttp2, startFeed, upload } from "../feed.fixture.ts";
import { call } from "../library.fixture.ts";

const entries = "POST /v1/feeds/7/entries";
const ndjson = { "content-type": "application/x-ndjson" };

async function gather(requests: AsyncIterable<JsonObject>): Promise<JsonObject> {
  const texts = (await Array.fromAsync(requests)).map(({ id, text, tags }) => `${id}: ${text} ${tags ?? ""}`);
  return { count: texts.length, texts };
}

test("NDJSON and a JSON array are a stream of requests, each with what the path says", async () => {
  await using feed = await startFeed({ append: gather });
  const expected = { count: 3, texts: ['7: a\n" ', "7: ]} x,y", "7: ü "] };
  const lines = '{"text":"a\\n\\""}\r\n\n{"text":"]}","tags":["x","y"]}\n  {"text":"ü","id":"7"}';
  const first = await call(feed.url, entries, { headers: ndjson, body: lines });
  expect([first.status, first.json()]).toEqual([200, expected]);
  const array = ' [ {"text":"a\\n\\""} , {"text":"]}","tags":["x","y"]},{"text":"ü"}\n] ';
  expect((await call(feed.url, entries, { body: array })).json()).toEqual(expected);
  const http2 = await callHttp2(feed.url, entries, { headers: ndjson, body: Buffer.from(lines) });
  expect([http2.status, JSON.parse(http2.text)]).toEqual([200, expected]);
});

test("however a body is cut into chunks, its messages are the same", async () => {
  await using feed = await startFeed({ append: gather });
  const body = Buffer.from('[{"text":"\\"],{"},{"text":"ü€","tags":["[","\\\\"]}]');
  const bytes = async function* () {
    for (const byte of body) yield Buffer.from([byte]);
  };
  const answer = await upload(feed.url, "/v1/feeds/7/entries", { "content-type": "application/json" }, bytes());
  expect(JSON.parse(answer.text)).toEqual({ count: 2, texts: ['7: "],{ ', "7: ü€ [,\\"] });
});

test("no message at all is a stream too", async () => {
  await using feed = await startFeed({ append: gather });
  for (const [headers, body] of [
    [ndjson, "\n"],
    [{ "content-type": "application/json" }, "[ ]"],
  ] as const) {
    expect((await call(feed.url, entries, { headers, body })).json()).toEqual({ count: 0, texts: [] });
  }
});

test("bodies that are no stream of messages are refused", async () => {
  await using feed = await startFeed({ append: gather, config: { maxBodyBytes: 1_000 } });
  const large = JSON.stringify({ text: "x".repeat(1_000) });
  const refused: [type: string, body: string, status: number, message: string][] = [
    ["application/json", '{"text":"a"}', 400, "must be one JSON array"],
    ["application/json", '[{"text":"a"}', 400, "not complete"],
    ["application/json", '[{"text":"a"}]x', 400, "follows the array"],
    ["application/json", '[{"text":"a"},]', 400, "an element of the array is missing"],
    ["application/json", '[,{"text":"a"}]', 400, "an element of the array is missing"],
    ["application/json", "[5]", 400, "body"],
    ["application/json", '[{"id":"8"}]', 400, "the path says"],
    ["application/json", `[${large}]`, 413, "larger than 1000 bytes"],
    ["application/x-ndjson", '{"text":"a"}\n{"text":5}', 400, "expected string"],
    ["application/x-ndjson", '{"text":"a"', 400, "not JSON"],
    ["application/x-ndjson", large, 413, "larger than 1000 bytes"],
    ["text/plain", "a", 415, "application/x-ndjson"],
  ];
  for (const [type, body, status, message] of refused) {
    const answer = await call(feed.url, entries, { headers: { "content-type": type }, body });
    expect([type, body, answer.status, answer.text]).toEqual([type, body, status, expect.stringContaining(message)]);
  }
  const query = await call(feed.url, `${entries}?text=a`, { body: "[{}]" });
  expect([query.status, query.text]).toEqual([400, expect.stringContaining("text")]);
});

test("a service that has heard enough answers while the client still speaks", async () => {
  await using feed = await startFeed({
    async append(requests) {
      for await (const _ of requests) throw new ConnectError("full", Code.ResourceExhausted);
      return {};
    },
  });
  const chunks = async function* () {
    for (let count = 0; count < 1_000; count++) yield `${JSON.stringify({ text: "x".repeat(1_000) })}\n`;
  };
  const answer = await upload(feed.url, "/v1/feeds/7/entries", ndjson, chunks());
  expect([answer.status, JSON.parse(answer.text)]).toEqual([429, expect.objectContaining({ message: "full" })]);
});

test("what follows a refused message is read on, so that the connection goes on", async () => {
  await using feed = await startFeed({ append: gather });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const send = (lines: number) => {
    const { promise, resolve, reject } = Promise.withResolvers<[status?: number, port?: number]>();
    const request = httpRequest(`${feed.url}/v1/feeds/7/entries`, { method: "POST", headers: ndjson, agent });
    request.on("error", reject).on("response", (response) => {
      const { localPort } = response.socket;
      response.resume().on("end", () => resolve([response.statusCode, localPort]));
    });
    request.end(`{"text":5}\n${`${JSON.stringify({ text: "x".repeat(1_000) })}\n`.repeat(lines)}`);
    return promise;
  };
  const first = await send(5_000);
  expect([first[0], await send(5_000)]).toEqual([400, first]);
  agent.destroy();
});

test("a client that leaves after a refusal leaves nothing behind", async () => {
  await using feed = await startFeed({ append: gather });
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  for (let count = 0; count < 20; count++) {
    const request = httpRequest(`${feed.url}/v1/feeds/7/entries`, { method: "POST", headers: ndjson, agent: false });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    request.on("error", reject).on("response", (response) => {
      response.resume().on("end", () => resolve());
    });
    request.write('{"text":5}\n');
    await promise;
    request.destroy();
  }
  await expect.poll(timers).toBeLessThan(before + 10);
});

test("a client that leaves has not said all: the service hears of it, over HTTP/1.1 and HTTP/2", async () => {
  const outcomes: string[] = [];
  await using feed = await startFeed({
    async append(requests, { signal }) {
      try {
        for await (const { text } of requests) outcomes.push(String(text));
        outcomes.push("whole");
      } catch {
        outcomes.push(`cut ${signal.aborted}`);
      }
      return {};
    },
  });
  const request = httpRequest(`${feed.url}/v1/feeds/7/entries`, { method: "POST", headers: ndjson, agent: false });
  request.on("error", () => undefined);
  request.write('{"text":"a"}\n{"text":"b"');
  await expect.poll(() => outcomes).toEqual(["a"]);
  request.destroy();
  await expect.poll(() => outcomes).toEqual(["a", "cut true"]);
  const session = connect(feed.url);
  const stream = session.request({ ":method": "POST", ":path": "/v1/feeds/7/entries", ...ndjson });
  stream.on("error", () => undefined);
  stream.write('{"text":"c"}\n{"text":"d"}');
  await expect.poll(() => outcomes).toEqual(["a", "cut true", "c"]);
  // Its close() would end the body before it resets the stream.
  addAbortSignal(AbortSignal.abort(), stream);
  await expect.poll(() => outcomes).toEqual(["a", "cut true", "c", "cut true"]);
  session.destroy();
});

test("a body that stands still is ended", async () => {
  await using feed = await startFeed({
    append: gather,
    config: { streams: { openAfterMs: 1, heartbeatMs: 0, idleTimeoutMs: 500 } },
  });
  const never = new Promise<never>(() => undefined);
  const chunks = async function* () {
    yield '{"text":"a"}\n';
    await never;
  };
  const answer = await upload(feed.url, "/v1/feeds/7/entries", ndjson, chunks());
  expect([answer.status, answer.text]).toEqual([504, expect.stringContaining("nothing has moved")]);
});

test("bytes are uploaded in chunks, path and content type in the first", async () => {
  const hash = createHash("sha256");
  const firsts: JsonObject[] = [];
  let size = 0;
  let slow = 0;
  await using feed = await startFeed({
    async import(requests) {
      for await (const { file = {}, ...rest } of requests) {
        const { data = "", contentType } = file as { data?: string; contentType?: string };
        if (contentType || rest.id) firsts.push({ ...rest, contentType: contentType ?? "" });
        const bytes = Buffer.from(data, "base64");
        hash.update(bytes);
        size += bytes.length;
        slow = Math.max(slow, bytes.length);
      }
      return { count: size };
    },
  });
  const block = randomBytes(1_000_000);
  const sent = createHash("sha256");
  const chunks = async function* () {
    for (let count = 0; count < 100; count++) {
      sent.update(block);
      yield block;
    }
  };
  const before = process.memoryUsage().arrayBuffers;
  const headers = { "content-type": "image/png" };
  const answer = await upload(feed.url, "/v1/feeds/7:import?name=cat", headers, chunks());
  expect(JSON.parse(answer.text)).toEqual({ count: 100_000_000, texts: [] });
  expect(hash.digest("hex")).toBe(sent.digest("hex"));
  expect(firsts).toEqual([{ id: "7", name: "cat", contentType: "image/png" }]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
});

test("bytes without any are one message, and a request that is an HttpBody needs no path", async () => {
  const seen: JsonObject[] = [];
  await using feed = await startFeed({
    async importFile(requests) {
      for await (const request of requests) seen.push(request);
      return { count: seen.length };
    },
  });
  await call(feed.url, "POST /v1/files", { headers: { "content-type": "text/csv" }, body: "a,b\n" });
  await call(feed.url, "POST /v1/files");
  expect(seen).toEqual([{ contentType: "text/csv", data: Buffer.from("a,b\n").toString("base64") }, {}]);
});

test("bytes are downloaded unaltered, with the content type of the first chunk", async () => {
  const parts = Array.from({ length: 20 }, (_, index) => randomBytes(index * 5_000));
  const stream = (wrap: (body: JsonObject) => JsonObject) =>
    async function* () {
      for (const [index, part] of parts.entries()) {
        yield wrap({ contentType: index === 0 ? "image/png" : "", data: part.toString("base64") });
      }
    };
  await using feed = await startFeed({ export: stream((file) => file), exportParts: stream((file) => ({ file })) });
  for (const path of ["/v1/feeds/7:export", "/v1/feeds/7:parts"]) {
    const answer = await callHttp2(feed.url, `GET ${path}`, { headers: { accept: "image/*" } });
    expect([answer.status, answer.headers["content-type"], answer.complete]).toEqual([200, "image/png", true]);
    expect(answer.bytes.equals(Buffer.concat(parts))).toBe(true);
  }
});

test("a download that fails late is broken off, an early failure has its status, an empty one is empty", async () => {
  let sent = 0;
  await using feed = await startFeed({
    async *export() {
      if (sent++ === 0) throw new ConnectError("no such file", Code.NotFound);
      yield { contentType: "text/plain", data: Buffer.from("abc").toString("base64") };
      throw new ConnectError("the disk burned", Code.DataLoss);
    },
  });
  expect((await call(feed.url, "GET /v1/feeds/7:export")).status).toBe(404);
  const late = await call(feed.url, "GET /v1/feeds/7:export");
  expect([late.status, late.complete, late.text]).toEqual([200, false, "abc"]);
  const late2 = await callHttp2(feed.url, "GET /v1/feeds/7:export");
  expect([late2.status, late2.complete, late2.text]).toEqual([200, false, "abc"]);
  const none = await call(feed.url, "GET /v1/feeds/7:parts");
  expect([none.status, none.headers["content-type"], none.text]).toEqual([200, "application/octet-stream", ""]);
});
