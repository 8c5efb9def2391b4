import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { create, fromBinary, type JsonObject, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type ClientOptions, WebSocket as WsClient } from "ws";
import type { RpcContext } from "#mesh/rpc";
import { Feed, startFeed } from "../feed.fixture.ts";
import { call } from "../library.fixture.ts";

const follow = "/v1/feeds/7:follow";
const talk = "/v1/feeds/7:talk";

async function* two({ id = "" }: JsonObject): AsyncIterable<JsonObject> {
  yield { version: "1", text: `first of ${id}` };
  yield { version: "2", text: "second" };
}

async function* echo(requests: AsyncIterable<JsonObject>): AsyncIterable<JsonObject> {
  let version = 0;
  for await (const { id = "", text = "" } of requests) yield { version: String(++version), text: `${id}: ${text}` };
  yield { text: "over" };
}

async function gather(requests: AsyncIterable<JsonObject>): Promise<JsonObject> {
  const texts = (await Array.fromAsync(requests)).map(({ id, text }) => `${id}: ${text}`);
  return { count: texts.length, texts };
}

/** A WebSocket of the ws library with everything that it has got. */
interface Talk {
  readonly socket: WsClient;
  readonly frames: (string | Buffer)[];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  until(count: number): Promise<(string | Buffer)[]>;
}

async function dial(url: string, path: string, protocols: string[] = [], options: ClientOptions = {}): Promise<Talk> {
  const socket = new WsClient(url.replace("http", "ws") + path, protocols, options);
  const frames: (string | Buffer)[] = [];
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  socket.on("message", (data: Buffer, isBinary) => frames.push(isBinary ? data : data.toString()));
  socket.on("close", (code, reason) => closed.resolve({ code, reason: reason.toString() }));
  const opened = Promise.withResolvers<void>();
  socket.on("open", opened.resolve).on("error", opened.reject);
  await opened.promise;
  return {
    ...{ socket, frames, closed: closed.promise },
    async until(count) {
      await expect.poll(() => frames.length).toBeGreaterThanOrEqual(count);
      return frames;
    },
  };
}

/** The status and body with which a WebSocket is refused. */
function refusal(url: string, path: string, protocols: string[] = [], options: ClientOptions = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: JsonValue }>();
  const socket = new WsClient(url.replace("http", "ws") + path, protocols, options);
  socket.on("open", () => reject(new Error("it was opened")));
  socket.on("error", () => undefined);
  socket.on("unexpected-response", (_, response) => {
    let text = "";
    response.on("data", (chunk: Buffer) => (text += chunk));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
  });
  return promise;
}

function json(frames: readonly (string | Buffer)[]): unknown[] {
  return frames.map((frame) => JSON.parse(String(frame)));
}

test("a stream of answers comes by its route, and the end of the call is the end of the WebSocket", async () => {
  await using feed = await startFeed({ follow: two });
  const { frames, closed } = await dial(feed.url, follow);
  expect(await closed).toEqual({ code: 1000, reason: "ok" });
  expect(json(frames)).toEqual([
    { version: "1", text: "first of 7" },
    { version: "2", text: "second" },
  ]);
});

test("Node's own WebSocket, as browsers have it, reads a stream and closes clean", async () => {
  await using feed = await startFeed({ follow: two });
  const socket = new WebSocket(`${feed.url.replace("http", "ws")}${follow}`, ["bearer.ada", "heddle.json.v1"]);
  const texts: unknown[] = [];
  const closed = Promise.withResolvers<CloseEvent>();
  socket.addEventListener("message", ({ data }) => texts.push(JSON.parse(data).text));
  socket.addEventListener("close", closed.resolve);
  const { code, wasClean } = await closed.promise;
  expect([texts, code, wasClean, socket.protocol]).toEqual([["first of 7", "second"], 1000, true, "heddle.json.v1"]);
});

test("both sides talk, until the client has said all and then the service", async () => {
  await using feed = await startFeed({ talk: echo });
  const { socket, until, closed } = await dial(feed.url, talk);
  socket.send('{"text":"a"}');
  expect(json(await until(1))).toEqual([{ version: "1", text: "7: a" }]);
  socket.send('{"text":"b","id":"7"}');
  expect(json(await until(2))[1]).toEqual({ version: "2", text: "7: b" });
  socket.send("");
  expect(json(await until(3))[2]).toEqual({ version: "0", text: "over" });
  expect((await closed).code).toBe(1000);
});

test("a stream of requests is answered once the client has said all, and by nothing before", async () => {
  await using feed = await startFeed({ append: gather });
  const { socket, frames, closed } = await dial(feed.url, "/v1/feeds/7/entries");
  // All at once, as what arrives with the handshake may not be lost.
  for (const text of ["a", "b", "c"]) socket.send(JSON.stringify({ text }));
  socket.send("");
  expect((await closed).code).toBe(1000);
  expect(json(frames)).toEqual([{ count: 3, texts: ["7: a", "7: b", "7: c"] }]);
});

test("every streaming method is there at its rpc path, the request as first message", async () => {
  await using feed = await startFeed({ follow: two, append: gather, talk: echo });
  const followed = await dial(feed.url, "/test.feed.v1.Feed/Follow");
  followed.socket.send('{"id":"9"}');
  expect((await followed.closed).code).toBe(1000);
  expect(json(followed.frames)[0]).toEqual({ version: "1", text: "first of 9" });
  const appended = await dial(feed.url, "/test.feed.v1.Feed/Append");
  appended.socket.send("");
  expect((await appended.closed).code).toBe(1000);
  expect(json(appended.frames)).toEqual([{ count: 0, texts: [] }]);
});

test("messages go as bytes in binary frames with heddle.proto.v1", async () => {
  await using feed = await startFeed({ talk: echo });
  const { talk: method } = Feed.method;
  if (method === undefined) throw new Error("no method");
  const { socket, until, closed } = await dial(feed.url, talk, ["heddle.proto.v1"]);
  expect(socket.protocol).toBe("heddle.proto.v1");
  socket.send(toBinary(method.input, create(method.input, { text: "a" })));
  const [first] = await until(1);
  const answer = Buffer.isBuffer(first) ? toJson(method.output, fromBinary(method.output, first)) : first;
  expect(answer).toEqual({ version: "1", text: "7: a" });
  socket.send(Buffer.from([0xff]));
  expect(await closed).toEqual({ code: 4003, reason: "InvalidArgument" });
});

test("a failure is told in a last text frame, and its code by the close", async () => {
  await using feed = await startFeed({
    async *follow() {
      yield { version: "1" };
      throw new ConnectError("no such feed", Code.NotFound);
    },
  });
  const { frames, closed } = await dial(feed.url, follow);
  expect(await closed).toEqual({ code: 4005, reason: "NotFound" });
  expect(json(frames)).toEqual([
    { version: "1", text: "" },
    { error: { code: 5, message: "no such feed", details: [] } },
  ]);
});

test("frames that hold no message of the method end the call and name the fault", async () => {
  const ended: AbortSignal[] = [];
  await using feed = await startFeed({
    talk(requests, { signal }) {
      ended.push(signal);
      return echo(requests);
    },
    follow: two,
  });
  const faulty: [frame: string | Buffer, message: RegExp][] = [
    ["{", /not JSON/],
    ['{"text":5}', /text: expected string/],
    ['{"id":"8"}', /the path says "7"/],
    [Buffer.from("{}"), /text frames/],
  ];
  for (const [frame, message] of faulty) {
    const { socket, frames, closed } = await dial(feed.url, talk);
    socket.send(frame);
    expect((await closed).code).toBe(4003);
    expect(json(frames)).toEqual([
      { error: expect.objectContaining({ code: 3, message: expect.stringMatching(message) }) },
    ]);
  }
  await expect.poll(() => ended.every(({ aborted }) => aborted)).toBe(true);
});

test("a client that says more than the method takes is told", async () => {
  const never = Promise.withResolvers<void>();
  await using feed = await startFeed({
    // biome-ignore lint/correctness/useYield: it says nothing
    async *follow() {
      await never.promise;
    },
  });
  const { socket, frames, closed } = await dial(feed.url, follow);
  socket.send("{}");
  expect((await closed).code).toBe(4003);
  expect(String(frames[0])).toContain("a message after the last one");
});

test("frames that break the protocol close with the codes of RFC 6455", async () => {
  await using feed = await startFeed({ talk: echo, config: { maxBodyBytes: 1_000 } });
  const large = await dial(feed.url, talk);
  large.socket.send(`{"text":"${"x".repeat(1_000)}"}`);
  expect((await large.closed).code).toBe(1009);
  // An unmasked frame, which no client may send.
  expect(await raw(feed.url, talk, Buffer.from([0x81, 0x02, 0x7b, 0x7d]))).toEqual(
    Buffer.from([0x88, 0x02, 0x03, 0xea]),
  );
});

test("pages of other origins are refused unless they are listed, clients without origin are not", async () => {
  await using feed = await startFeed({ follow: two, config: { corsOrigins: ["https://shop.example"] } });
  const evil = await refusal(feed.url, follow, [], { origin: "https://evil.example" });
  expect(evil).toEqual({ status: 403, body: expect.objectContaining({ code: 7 }) });
  for (const origin of ["https://shop.example", feed.url]) {
    expect((await (await dial(feed.url, follow, [], { origin })).closed).code).toBe(1000);
  }
  expect((await (await dial(feed.url, follow)).closed).code).toBe(1000);
});

test("a token comes by header or by subprotocol, is not named in the answer, and is checked before the opening", async () => {
  let user: RpcContext["caller"]["user"];
  await using feed = await startFeed({
    follow(request, { caller }) {
      user = caller.user;
      return two(request);
    },
  });
  const path = "/test.feed.v1.Feed/FollowOwn";
  expect((await refusal(feed.url, path)).status).toBe(401);
  expect((await refusal(feed.url, path, ["bearer.bad", "heddle.json.v1"])).status).toBe(401);
  const headers = { authorization: "Bearer ada:customer" };
  for (const [protocols, options] of [
    [["heddle.json.v1", "bearer.ada"], {}],
    [[], { headers }],
  ] as const) {
    const { socket, closed } = await dial(feed.url, path, [...protocols], options);
    socket.send("{}");
    expect((await closed).code).toBe(1000);
    expect(user?.id).toBe("ada");
    expect(socket.protocol).not.toContain("ada");
  }
  expect((await refusal(feed.url, path, ["heddle.json.v1", "bearer.ada"], { headers })).status).toBe(400);
});

test("what is no WebSocket of ours is refused with what would be", async () => {
  await using feed = await startFeed({ follow: two });
  expect((await refusal(feed.url, "/v1/nothing")).status).toBe(404);
  expect((await refusal(feed.url, "/v1/files")).status).toBe(405);
  expect((await refusal(feed.url, follow, ["graphql-ws"])).status).toBe(400);
  expect((await refusal(feed.url, `${talk}?text=a`)).status).toBe(400);
  expect((await refusal(feed.url, `${follow}?afterVersio=1`)).body).toMatchObject({
    message: expect.stringContaining('did you mean "afterVersion"?'),
  });
  const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" };
  const old = await call(feed.url, `GET ${follow}`, { headers: { ...headers, "sec-websocket-version": "8" } });
  expect([old.status, old.headers["sec-websocket-version"]]).toEqual([426, "13"]);
});

test("a route for WebSockets says so to everyone else, and other upgrades are passed over", async () => {
  await using feed = await startFeed({ follow: two, talk: echo });
  const plain = await call(feed.url, `GET ${talk}`);
  expect([plain.status, plain.headers.upgrade]).toEqual([426, "websocket"]);
  const h2c = await call(feed.url, `GET ${follow}`, { headers: { connection: "Upgrade", upgrade: "h2c" } });
  expect(h2c.status).toBe(200);
});

test("a client that leaves ends the call, also one that vanishes without a word", async () => {
  const signals: AbortSignal[] = [];
  await using feed = await startFeed({
    config: { streams: { openAfterMs: 1, heartbeatMs: 20, idleTimeoutMs: 0 } },
    async *talk(_, { signal }) {
      signals.push(signal);
      yield {};
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  const polite = await dial(feed.url, talk);
  await polite.until(1);
  polite.socket.close();
  await expect.poll(() => signals[0]?.aborted).toBe(true);
  const gone = await dial(feed.url, talk, [], { autoPong: false });
  await gone.until(1);
  await expect.poll(() => signals[1]?.aborted).toBe(true);
  await expect.poll(() => feed.lines.filter(({ msg }) => msg === "request").length).toBe(2);
  expect(feed.lines.find(({ msg }) => msg === "request")).toMatchObject({
    status: 101,
    route: "/v1/feeds/{id}:talk",
    code: "Canceled",
  });
});

test("pings keep a silent conversation alive", async () => {
  const say = Promise.withResolvers<void>();
  await using feed = await startFeed({
    config: { streams: { openAfterMs: 1, heartbeatMs: 5, idleTimeoutMs: 0 } },
    async *follow() {
      await say.promise;
      yield { text: "at last" };
    },
  });
  const { socket, frames, closed } = await dial(feed.url, follow);
  let pings = 0;
  socket.on("ping", () => pings++);
  await expect.poll(() => pings).toBeGreaterThan(3);
  say.resolve();
  expect((await closed).code).toBe(1000);
  expect(json(frames)).toEqual([expect.objectContaining({ text: "at last" })]);
});

test("a gateway whose event loop is late cuts off nobody whose pong lies there unread", async () => {
  await using feed = await startFeed({
    config: { streams: { openAfterMs: 1, heartbeatMs: 20, idleTimeoutMs: 0 } },
    talk: echo,
  });
  const { socket, until, closed } = await dial(feed.url, talk);
  let pings = 0;
  socket.on("ping", () => pings++);
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  // Each turn of the event loop takes longer than the time between two pings.
  let late = setImmediate(function turn() {
    Atomics.wait(nothing, 0, 0, 50);
    late = setImmediate(turn);
  });
  await Promise.race([closed, expect.poll(() => pings).toBeGreaterThan(5)]);
  clearImmediate(late);
  socket.send("{}");
  expect(await until(1)).toHaveLength(1);
  socket.close();
});

test("a conversation in which nothing moves is ended, visibly", async () => {
  await using feed = await startFeed({
    config: { streams: { openAfterMs: 1, heartbeatMs: 5, idleTimeoutMs: 500 } },
    talk: echo,
  });
  const { frames, closed } = await dial(feed.url, talk);
  expect((await closed).code).toBe(4004);
  expect(String(frames[0])).toContain("nothing has moved");
});

test("a gateway that stops tells the clients to go elsewhere", async () => {
  const feed = await startFeed({ talk: echo, config: { drainTimeoutMs: 20 } });
  const { frames, closed } = await dial(feed.url, talk);
  await feed[Symbol.asyncDispose]();
  expect((await closed).code).toBe(1001);
  expect(json(frames)).toEqual([{ error: { code: 14, message: "the gateway is stopping", details: [] } }]);
});

test("a client that reads slowly slows the service down, a slow service the client", async () => {
  let produced = 0;
  let taken = 0;
  const text = "x".repeat(100_000);
  const go = Promise.withResolvers<void>();
  await using feed = await startFeed({
    async *follow() {
      for (produced = 0; produced < 400; produced++) yield { text };
    },
    async append(requests) {
      await go.promise;
      for await (const _ of requests) taken++;
      return { count: taken };
    },
  });
  const reader = await dial(feed.url, follow);
  reader.socket.pause();
  expect(await settled(() => produced)).toBeLessThan(300);
  reader.socket.resume();
  expect((await reader.closed).code).toBe(1000);
  expect(reader.frames).toHaveLength(400);
  const writer = await dial(feed.url, "/v1/feeds/7/entries");
  for (let count = 0; count < 400; count++) writer.socket.send(JSON.stringify({ text }));
  writer.socket.send("");
  expect(await settled(() => writer.socket.bufferedAmount)).toBeGreaterThan(10_000_000);
  go.resolve();
  expect((await writer.closed).code).toBe(1000);
  expect(json(writer.frames)).toEqual([{ count: 400, texts: [] }]);
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

/** Shakes hands, sends bytes, and returns all that comes after the handshake. */
async function raw(url: string, path: string, bytes: Buffer): Promise<Buffer> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  const key = randomBytes(16).toString("base64");
  const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
  socket.write(Buffer.concat([Buffer.from(head), bytes]));
  const received = Buffer.concat(await Array.fromAsync(socket));
  return received.subarray(received.indexOf("\r\n\r\n") + 4);
}
