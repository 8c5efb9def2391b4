import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { callHttp2, open, startFeed } from "../feed.fixture.ts";
import { call } from "../library.fixture.ts";

const path = "/v1/feeds/7:follow";
const sse = { accept: "text/event-stream" };
const quick = { openAfterMs: 1, heartbeatMs: 1, idleTimeoutMs: 0 };

async function* two(): AsyncIterable<JsonObject> {
  yield { version: "1", text: "first" };
  yield { version: "2", text: "second\nline" };
}

async function* oneThenBurns(): AsyncIterable<JsonObject> {
  yield { version: "1", text: "first" };
  const error = new ConnectError("the feed burned", Code.DataLoss);
  error.details.push({ desc: RetryInfoSchema, value: { retryDelay: create(DurationSchema, { seconds: 2n }) } });
  throw error;
}

/** Says one thing, then nothing for as long as the call lives. */
async function* oneThenSilence(_: JsonObject, { signal }: { signal: AbortSignal }): AsyncIterable<JsonObject> {
  yield { version: "1", text: "first" };
  await untilAborted(signal);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

test("a stream is NDJSON by default, and what Accept likes best otherwise", async () => {
  await using feed = await startFeed({ follow: two });
  const typeFor = async (accept?: string) => {
    const answer = await call(feed.url, `GET ${path}`, { headers: accept === undefined ? {} : { accept } });
    return answer.headers["content-type"];
  };
  expect(await typeFor()).toBe("application/x-ndjson");
  expect(await typeFor("*/*")).toBe("application/x-ndjson");
  expect(await typeFor("text/html, */*;q=0.1")).toBe("application/x-ndjson");
  expect(await typeFor("application/jsonl")).toBe("application/x-ndjson");
  expect(await typeFor("application/json;q=0.4, text/event-stream;q=0.5")).toBe("text/event-stream");
  expect(await typeFor("application/json, text/plain, */*")).toBe("application/json");
  expect(await typeFor("application/*;q=0.2, application/x-ndjson;q=0, application/ndjson;q=0")).toBe(
    "application/x-ndjson",
  );
});

test("a stream that can be sent in no wanted format is refused with those that there are", async () => {
  await using feed = await startFeed({ follow: two });
  const answer = await call(feed.url, `GET ${path}`, { headers: { accept: "text/html" } });
  expect([answer.status, answer.text]).toEqual([406, expect.stringContaining("text/event-stream")]);
  const none = await call(feed.url, `GET ${path}`, { headers: { accept: "text/event-stream;q=0" } });
  expect(none.status).toBe(406);
});

test("NDJSON has a message a line, SSE an event with its id, JSON an element", async () => {
  await using feed = await startFeed({ follow: two });
  const first = '{"version":"1","text":"first"}';
  const second = '{"version":"2","text":"second\\nline"}';
  const lines = await call(feed.url, `GET ${path}`);
  expect([lines.text, lines.complete]).toEqual([`${first}\n${second}\n`, true]);
  expect(lines.headers).toMatchObject({ "cache-control": "no-store", "x-accel-buffering": "no" });
  const events = await call(feed.url, `GET ${path}`, { headers: sse });
  expect([events.text, events.complete]).toEqual([`id: 1\ndata: ${first}\n\nid: 2\ndata: ${second}\n\n`, true]);
  const array = await call(feed.url, `GET ${path}`, { headers: { accept: "application/json" } });
  expect([array.json(), array.complete]).toEqual([[JSON.parse(first), JSON.parse(second)], true]);
});

test("an empty stream is an empty body, an empty array, and tells a browser not to come again", async () => {
  await using feed = await startFeed();
  const lines = await call(feed.url, `GET ${path}`);
  expect([lines.status, lines.text, lines.complete]).toEqual([200, "", true]);
  const array = await call(feed.url, `GET ${path}`, { headers: { accept: "application/json" } });
  expect([array.status, array.json()]).toEqual([200, []]);
  const events = await call(feed.url, `GET ${path}`, { headers: sse });
  expect([events.status, events.text]).toEqual([204, ""]);
});

test("a failure before the first message has its own status in every format", async () => {
  await using feed = await startFeed({
    // biome-ignore lint/correctness/useYield: it fails before its first message
    async *follow() {
      throw new ConnectError("no such feed", Code.NotFound);
    },
  });
  for (const accept of ["application/x-ndjson", "text/event-stream", "application/json"]) {
    const answer = await call(feed.url, `GET ${path}`, { headers: { accept } });
    expect([answer.status, answer.json()]).toEqual([404, { code: 5, message: "no such feed", details: [] }]);
  }
});

test("a late failure is the last thing in every format, and the answer is not complete", async () => {
  await using feed = await startFeed({ follow: oneThenBurns });
  const status = expect.objectContaining({ code: 15, message: "the feed burned" });
  const lines = await call(feed.url, `GET ${path}`);
  expect([lines.status, lines.complete]).toEqual([200, false]);
  expect(JSON.parse(lines.text.split("\n")[1] ?? "")).toEqual({ error: status });
  const events = await call(feed.url, `GET ${path}`, { headers: sse });
  expect(events.complete).toBe(false);
  const [, farewell = ""] = events.text.split("\n\n");
  expect(farewell).toMatch(/^retry: 2000\nevent: error\ndata: \{/);
  expect(JSON.parse(farewell.split("data: ")[1] ?? "")).toEqual(status);
  const array = await call(feed.url, `GET ${path}`, { headers: { accept: "application/json" } });
  expect(array.complete).toBe(false);
  expect(() => array.json()).toThrow(SyntaxError);
  expect(JSON.parse(`${array.text}]`)).toEqual([expect.objectContaining({ version: "1" }), { error: status }]);
});

/** A service that answers each call with these messages, as gRPC frames them. */
async function startRaw(...messages: readonly Buffer[]) {
  const server = createServer();
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(
      Buffer.concat(messages.map((message) => Buffer.concat([Buffer.of(0, 0, 0, 0, message.length), message]))),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, [Symbol.dispose]: () => server.close() };
}

test("bytes that are no message fail the stream, as the first with a status of their own", async () => {
  const [text, broken] = [Buffer.from("\x12\x01a"), Buffer.from("\x12\x05a")];
  using late = await startRaw(text, broken);
  using early = await startRaw(broken);
  await using lateFeed = await startFeed({ address: late.address });
  await using earlyFeed = await startFeed({ address: early.address });
  for (const headers of [{}, sse]) {
    const answer = await call(earlyFeed.url, `GET ${path}`, { headers });
    expect([answer.status, answer.json()]).toMatchObject([500, { code: Code.Internal }]);
    const cut = await call(lateFeed.url, `GET ${path}`, { headers });
    expect([cut.status, cut.complete]).toEqual([200, false]);
    expect(cut.text).toMatch(/"text":"a".*"code":13/s);
  }
});

test("over HTTP/2, too, every format is whole, and broken off by a late failure", async () => {
  await using good = await startFeed({ follow: two });
  await using bad = await startFeed({ follow: oneThenBurns });
  for (const accept of ["application/x-ndjson", "text/event-stream", "application/json"]) {
    const whole = await callHttp2(good.url, `GET ${path}`, { headers: { accept } });
    expect([whole.status, whole.headers["content-type"], whole.complete]).toEqual([200, accept, true]);
    expect(whole.text).toContain("second");
    const broken = await callHttp2(bad.url, `GET ${path}`, { headers: { accept } });
    expect([broken.status, broken.complete]).toEqual([200, false]);
    expect(broken.text).toMatch(/first.*the feed burned/s);
  }
});

test("a stream that is quiet at first opens nevertheless, and its failure is then a late one", async () => {
  const fail = Promise.withResolvers<void>();
  await using feed = await startFeed({
    config: { streams: quick },
    // biome-ignore lint/correctness/useYield: it fails before its first message
    async *follow() {
      await fail.promise;
      throw new ConnectError("no such feed", Code.NotFound);
    },
  });
  const answer = await open(feed.url, path, sse);
  expect(answer.response.statusCode).toBe(200);
  fail.resolve();
  expect(await answer.until("no such feed")).toContain("event: error");
});

test("a silence has heartbeats that no reader takes for a message", async () => {
  const say = Promise.withResolvers<void>();
  await using feed = await startFeed({
    config: { streams: quick },
    async *follow() {
      yield { version: "1", text: "first" };
      await say.promise;
      yield { version: "2", text: "second" };
    },
  });
  const events = await open(feed.url, path, sse);
  await events.until("\n\n:\n\n:\n\n");
  const array = await open(feed.url, path, { accept: "application/json" });
  await array.until("}\n\n");
  say.resolve();
  expect(await events.until("second")).toMatch(/id: 1\ndata: .*\n\n(:\n\n)+id: 2\ndata: .*second/);
  expect(JSON.parse(await array.until("]"))).toHaveLength(2);
});

test("a stream in which nothing moves is ended, visibly", async () => {
  await using feed = await startFeed({
    config: { streams: { ...quick, idleTimeoutMs: 500 } },
    follow: oneThenSilence,
  });
  const answer = await call(feed.url, `GET ${path}`);
  expect(answer.complete).toBe(false);
  expect(answer.text).toMatch(
    /"first"\}\n\{"error":\{"code":4,"message":"nothing has moved in this stream for 500 ms"/,
  );
});

test("a client that comes back with Last-Event-ID gets every message once", async () => {
  const seen: JsonObject[] = [];
  await using feed = await startFeed({
    async *follow(request) {
      seen.push(request);
      const from = Number(request.afterVersion ?? 0) + 1;
      for (let version = from; version <= Math.min(from + 1, 5); version++) {
        yield { version: String(version), text: `entry ${version}` };
      }
    },
  });
  const got: string[] = [];
  let lastEventId = "";
  for (let status = 200; status === 200; ) {
    const headers = lastEventId ? { ...sse, "last-event-id": lastEventId } : sse;
    const answer = await call(feed.url, `GET ${path}?after_version=0`, { headers });
    status = answer.status;
    for (const [, id = ""] of answer.text.matchAll(/^id: (.*)$/gm)) {
      got.push(id);
      lastEventId = id;
    }
  }
  expect(got).toEqual(["1", "2", "3", "4", "5"]);
  expect(seen.map(({ afterVersion }) => afterVersion)).toEqual([undefined, "2", "4", "5"]);
});

test("a Last-Event-ID that the stream never gave is refused, and only events have one", async () => {
  const seen: JsonObject[] = [];
  await using feed = await startFeed({
    async *follow(request) {
      seen.push(request);
      yield { version: "9" };
    },
  });
  for (const id of ["x", "1.5", "%zz"]) {
    const answer = await call(feed.url, `GET ${path}`, { headers: { ...sse, "last-event-id": id } });
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining("Last-Event-ID")]);
  }
  await call(feed.url, `GET ${path}`, { headers: { "last-event-id": "3" } });
  expect(seen).toEqual([{ id: "7" }]);
});

test("a client that leaves ends the call, and HEAD does not begin to listen", async () => {
  const signals: AbortSignal[] = [];
  await using feed = await startFeed({
    follow(request, context) {
      signals.push(context.signal);
      return oneThenSilence(request, context);
    },
  });
  const answer = await open(feed.url, path, sse);
  await answer.until("first");
  answer.request.destroy();
  await expect.poll(() => signals[0]?.aborted).toBe(true);
  const head = await call(feed.url, `HEAD ${path}`, { headers: sse });
  expect([head.status, head.headers["content-type"], head.text]).toEqual([200, "text/event-stream", ""]);
  await expect.poll(() => signals[1]?.aborted).toBe(true);
});

test("a client that reads slowly slows the service down", async () => {
  let produced = 0;
  const text = "x".repeat(100_000);
  await using feed = await startFeed({
    async *follow() {
      for (produced = 0; produced < 400; produced++) yield { version: String(produced + 1), text };
    },
  });
  const answer = await open(feed.url, path);
  await answer.until("\n");
  answer.response.pause();
  const before = await settled(() => produced);
  expect(before).toBeLessThan(300);
  let bytes = 0;
  for await (const chunk of answer.response) bytes += chunk.length;
  expect(produced).toBe(400);
  expect(bytes).toBeGreaterThan(39_000_000);
});

/** The value that no longer changes while the event loop goes on turning. */
async function settled(read: () => number): Promise<number> {
  let last = -1;
  let same = 0;
  while (same < 50) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    same = read() === last ? same + 1 : 0;
    last = read();
  }
  return last;
}
