import { AsyncLocalStorage } from "node:async_hooks";
import { constants, type ServerHttp2Stream } from "node:http2";
import { createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { eventually, freePort } from "#mesh/testing";
import { type ChannelOptions, createChannel, startCalls } from "./channel.ts";
import { Endpoint } from "./endpoint.ts";
import { callOnce, startCall } from "./outcome.fixture.ts";
import { answer, GOOD, type RawServerOptions, rawServer } from "./raw-server.fixture.ts";
import { Status } from "./status.ts";
import { wire } from "./wire.fixture.ts";

const PATH = "/test.Raw/Unary";

/** A raw server and a channel to it; both end with the test's scope. */
async function world(server: RawServerOptions, options: Partial<ChannelOptions> = {}) {
  const raw = await rawServer(server);
  const channel = createChannel({ addresses: [raw.address], ...options });
  const [endpoint] = channel.endpoints;
  if (!endpoint) throw new Error("no endpoint");
  return {
    ...raw,
    channel,
    endpoint,
    [Symbol.dispose]: () => {
      channel.close();
      raw[Symbol.dispose]();
    },
  };
}

/** A server whose streams wait until they are answered, in any order. */
function holding() {
  const streams: ServerHttp2Stream[] = [];
  return { streams, onStream: (stream: ServerHttp2Stream) => void streams.push(stream) };
}

const unheard = { onHeader() {}, onMessage() {}, onWritable() {} };
const settled = { connections: 1, streams: 0, waiting: 0 };

test("connections are opened until every call has a stream, no more than allowed, and the rest waits", async () => {
  const { streams, onStream } = holding();
  using own = await world({ onStream, settings: { maxConcurrentStreams: 10 } }, { maxConnections: 3 });
  const calls = Array.from({ length: 45 }, () => callOnce(own.channel, PATH));
  await eventually(() => expect(own.endpoint.counts).toEqual({ connections: 3, streams: 30, waiting: 15 }));
  expect(own.sessions.size).toBe(3);
  await eventually(() => expect(streams).toHaveLength(30));
  while (streams.length > 0) answer(streams.shift() ?? expect.fail());
  await eventually(() => expect(streams).toHaveLength(15));
  for (const stream of streams) answer(stream);
  for (const { status } of await Promise.all(calls)) expect(status.code).toBe(Status.OK);
  await eventually(() => expect(own.endpoint.inFlight).toBe(0));
});

test("the queue is bounded, and those who wait leave it at their deadline or when they are cancelled", async () => {
  const { onStream } = holding();
  using own = await world({ onStream, settings: { maxConcurrentStreams: 1 } }, { maxConnections: 1, maxWaiting: 2 });
  startCall(own.channel, PATH);
  await eventually(() => expect(own.endpoint.counts).toEqual({ connections: 1, streams: 1, waiting: 0 }));
  const late = callOnce(own.channel, PATH, undefined, { deadlineMs: Date.now() + 50 });
  const left = startCall(own.channel, PATH);
  expect((await callOnce(own.channel, PATH)).status).toMatchObject({
    code: Status.RESOURCE_EXHAUSTED,
    message: expect.stringContaining("2 calls already wait"),
  });
  left.call.cancel(Status.CANCELLED, "no longer wanted");
  expect((await left.outcome).status.code).toBe(Status.CANCELLED);
  expect((await late).status.code).toBe(Status.DEADLINE_EXCEEDED);
  expect(own.endpoint.counts).toEqual({ connections: 1, streams: 1, waiting: 0 });
});

test("a raised limit of streams lets those in who wait", async () => {
  const { streams, onStream } = holding();
  using own = await world({ onStream, settings: { maxConcurrentStreams: 1 } }, { maxConnections: 1 });
  for (let call = 0; call < 5; call++) startCall(own.channel, PATH);
  await eventually(() => expect(own.endpoint.counts.waiting).toBe(4));
  for (const session of own.sessions) session.settings({ maxConcurrentStreams: 5 });
  await eventually(() => expect(streams).toHaveLength(5));
});

test("after GOAWAY streams up to the last id end well, later ones are sent again, new ones go elsewhere", async () => {
  const { streams, onStream } = holding();
  using own = await world({ onStream });
  const first = callOnce(own.channel, PATH);
  await eventually(() => expect(streams).toHaveLength(1));
  const second = callOnce(own.channel, PATH);
  await eventually(() => expect(streams).toHaveLength(2));
  const [kept] = streams;
  kept?.session?.goaway(constants.NGHTTP2_NO_ERROR, kept.id);
  // The second call on the second connection.
  await eventually(() => expect(streams).toHaveLength(3));
  const third = callOnce(own.channel, PATH);
  await eventually(() => expect(streams).toHaveLength(4));
  expect(new Set([streams[2]?.session, streams[3]?.session]).size).toBe(1);
  for (const stream of [streams[0], streams[2], streams[3]]) answer(stream ?? expect.fail());
  for (const { status } of await Promise.all([first, second, third])) expect(status.code).toBe(Status.OK);
  await eventually(() => expect(own.endpoint.counts).toEqual(settled));
});

test("a GOAWAY with an error ends what was looked at, and sends the rest again", async () => {
  const { streams, onStream } = holding();
  using own = await world({ onStream });
  const first = callOnce(own.channel, PATH);
  await eventually(() => expect(streams).toHaveLength(1));
  const second = callOnce(own.channel, PATH);
  await eventually(() => expect(streams).toHaveLength(2));
  streams[0]?.session?.goaway(constants.NGHTTP2_INTERNAL_ERROR, streams[0].id);
  expect((await first).status.code).toBe(Status.UNAVAILABLE);
  await eventually(() => expect(streams).toHaveLength(3));
  answer(streams[2] ?? expect.fail());
  expect((await second).status.code).toBe(Status.OK);
});

test("what was not written yet when the connection broke is sent on the next one, what was written is not", async () => {
  const { streams, onStream } = holding();
  using own = await world({ onStream });
  const written = callOnce(own.channel, PATH);
  const gathered = Promise.withResolvers<Awaited<typeof written>>();
  // The answer and the end come together: the call that follows the answer is opened, and its frames wait.
  own.channel.start(
    { path: PATH, metadata: [], deadlineMs: Number.POSITIVE_INFINITY, message: Buffer.from("hi") },
    { ...unheard, onEnd: () => callOnce(own.channel, PATH).then(gathered.resolve) },
  );
  await eventually(() => expect(streams).toHaveLength(2));
  streams[1]?.respond({ ...GOOD, "grpc-status": "0" }, { endStream: true });
  streams[1]?.session?.goaway(constants.NGHTTP2_INTERNAL_ERROR, 2 ** 31 - 1);
  const lost = (await written).status;
  expect([lost.code, lost.unprocessed]).toEqual([Status.UNAVAILABLE, undefined]);
  await eventually(() => expect(streams).toHaveLength(3));
  answer(streams[2] ?? expect.fail());
  expect((await gathered.promise).status.code).toBe(Status.OK);
});

test("a server that answers no ping is lost", async () => {
  const { streams, onStream } = holding();
  using server = await rawServer({ onStream });
  using way = await wire(Number(server.address.split(":")[1]));
  const channel = createChannel({ addresses: [way.address], keepalive: { timeMs: 40, timeoutMs: 400 } });
  const call = callOnce(channel, PATH);
  await eventually(() => expect(streams).toHaveLength(1));
  way.block();
  expect((await call).status).toMatchObject({
    code: Status.UNAVAILABLE,
    message: expect.stringContaining("did not answer a ping within 400 ms"),
  });
  channel.close();
});

test("pings are sent with calls in flight only, unless asked for", async () => {
  const pings = { quiet: 0, busy: 0, eager: 0 };
  const counted = (name: keyof typeof pings) => ({
    onSession: (session: { on(name: "ping", heard: () => void): unknown }) => session.on("ping", () => pings[name]++),
    onStream: (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => {
      if (headers[":path"] === PATH) answer(stream);
    },
  });
  const keepalive = { timeMs: 30, timeoutMs: 5_000 };
  using quiet = await world(counted("quiet"), { keepalive });
  using busy = await world(counted("busy"), { keepalive });
  using eager = await world(counted("eager"), { keepalive: { ...keepalive, withoutCalls: true } });
  // Not by a call: on a slow machine that would be in flight for long enough to be pinged.
  quiet.endpoint.connect();
  await eventually(() => expect(quiet.endpoint.state).toBe("ready"));
  startCall(busy.channel, "/hang");
  await callOnce(eager.channel, PATH);
  await eventually(() => expect(Math.min(pings.busy, pings.eager)).toBeGreaterThan(2));
  expect(pings.quiet).toBe(0);
});

test("a server that is pinged too often is pinged half as often from then on", async () => {
  using own = await world(
    {
      onSession(session) {
        session.on("ping", () => {
          session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from("too_many_pings"));
        });
      },
      onStream: () => {},
    },
    { keepalive: { timeMs: 20 } },
  );
  for (const expectedMs of [40, 80]) {
    expect((await callOnce(own.channel, PATH)).status.code).toBe(Status.UNAVAILABLE);
    expect(own.endpoint.keepaliveMs).toBe(expectedMs);
  }
});

test("nobody there is Unavailable at once, is not asked again before the backoff is over, and is found later", async () => {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const channel = createChannel({ addresses: [address], backoff: { initialMs: 60_000, maxMs: 60_000 } });
  const { status } = await callOnce(channel, PATH);
  expect(status).toMatchObject({ code: Status.UNAVAILABLE, unprocessed: "unsent" });
  expect(status.message).toMatch(/no connection to 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  expect(channel.endpoints[0]?.state).toBe("backoff");
  let connections = 0;
  const server = createServer(() => connections++).listen(port, "127.0.0.1");
  expect((await callOnce(channel, PATH)).status.code).toBe(Status.UNAVAILABLE);
  expect(connections).toBe(0);
  server.close();
  channel.close();
});

test("a server that accepts and says nothing is given up", async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const channel = createChannel({ addresses: [`127.0.0.1:${address.port}`], connectTimeoutMs: 50 });
  const { status } = await callOnce(channel, PATH);
  expect(status).toMatchObject({
    code: Status.UNAVAILABLE,
    message: expect.stringContaining("not ready within 50 ms"),
  });
  channel.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});

test("the first of several addresses that can be reached is called, and stays so", async () => {
  using second = await rawServer({ onStream: (stream) => answer(stream) });
  using third = await rawServer({ onStream: (stream) => answer(stream) });
  const nobody = `127.0.0.1:${await freePort()}`;
  const channel = createChannel({ addresses: [nobody, second.address, third.address] });
  for (let call = 0; call < 5; call++) expect((await callOnce(channel, PATH)).status.code).toBe(Status.OK);
  expect([second.sessions.size, third.sessions.size]).toEqual([1, 0]);
  second[Symbol.dispose]();
  await eventually(() => expect(channel.endpoints[1]?.state).not.toBe("ready"));
  expect((await callOnce(channel, PATH)).status.code).toBe(Status.OK);
  expect(third.sessions.size).toBe(1);
  channel.close();
});

test("calls go to the endpoints that they are given", async () => {
  using first = await rawServer({ onStream: (stream) => answer(stream) });
  using second = await rawServer({ onStream: (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM) });
  const endpoints = [first.address, second.address, `127.0.0.1:${await freePort()}`].map((name) => new Endpoint(name));
  const asked: string[][] = [];
  let turn = 0;
  const channel = startCalls(({ failed }) => {
    asked.push(failed.map(({ name }) => name));
    return endpoints[turn++ % endpoints.length];
  }, {});
  const call = () => callOnce({ ...channel, close: () => {} }, PATH);
  expect((await call()).status.code).toBe(Status.OK);
  // Refused by the second, and then nobody is at the third: the first is asked again.
  expect((await call()).status.code).toBe(Status.OK);
  expect(asked).toEqual([[], [], [], [endpoints[2]?.name]]);
  for (const endpoint of endpoints) endpoint.close();
});

test("a call for which there is no endpoint is Unavailable", async () => {
  const channel = { ...startCalls(() => undefined, {}), close: () => {} };
  expect((await callOnce(channel, PATH)).status).toMatchObject({ code: Status.UNAVAILABLE });
});

test("a connection without calls is closed after a while and made again when needed", async () => {
  using own = await world({ onStream: (stream) => answer(stream) }, { idleTimeoutMs: 50 });
  await callOnce(own.channel, PATH);
  await eventually(() => expect(own.sessions.size).toBe(0));
  expect(own.endpoint.state).toBe("idle");
  expect((await callOnce(own.channel, PATH)).status.code).toBe(Status.OK);
});

test("a connection that has carried its share of calls is replaced, and loses none", async () => {
  let sessions = 0;
  using own = await world(
    { onSession: () => sessions++, onStream: (stream) => answer(stream) },
    { maxCallsPerConnection: 10 },
  );
  const outcomes = await Promise.all(Array.from({ length: 25 }, () => callOnce(own.channel, PATH)));
  expect(new Set(outcomes.map(({ status }) => status.code))).toEqual(new Set([Status.OK]));
  expect(sessions).toBe(3);
});

test("a drained endpoint finishes what is in flight and takes nothing new", async () => {
  const { streams, onStream } = holding();
  using own = await world({ onStream });
  const call = callOnce(own.channel, PATH);
  await eventually(() => expect(streams).toHaveLength(1));
  own.endpoint.drain();
  expect((await callOnce(own.channel, PATH)).status.code).toBe(Status.UNAVAILABLE);
  answer(streams[0] ?? expect.fail());
  expect((await call).status.code).toBe(Status.OK);
  await eventually(() => expect(own.sessions.size).toBe(0));
});

test("a call in the background does not hold up a drain, and others do", async () => {
  const { streams, onStream } = holding();
  using own = await world({ onStream });
  const background = callOnce(own.channel, PATH, undefined, { background: true });
  await eventually(() => expect(streams).toHaveLength(1));
  const call = callOnce(own.channel, PATH);
  await eventually(() => expect(streams).toHaveLength(2));
  own.endpoint.drain();
  answer(streams[1] ?? expect.fail());
  expect((await call).status.code).toBe(Status.OK);
  expect((await background).status.code).toBe(Status.CANCELLED);
  await eventually(() => expect(own.sessions.size).toBe(0));
});

test("a closed channel ends its calls Unavailable, those that wait too", async () => {
  const { streams, onStream } = holding();
  using own = await world({ onStream, settings: { maxConcurrentStreams: 1 } }, { maxConnections: 1 });
  const calls = [callOnce(own.channel, PATH), callOnce(own.channel, PATH)];
  await eventually(() => expect(streams).toHaveLength(1));
  own.channel.close();
  for (const { status } of await Promise.all(calls)) expect(status.code).toBe(Status.UNAVAILABLE);
  expect((await callOnce(own.channel, PATH)).status.code).toBe(Status.UNAVAILABLE);
  await eventually(() => expect(own.endpoint.counts).toEqual({ connections: 0, streams: 0, waiting: 0 }));
});

test("states are told as they come", async () => {
  using own = await world({ onStream: (stream) => answer(stream) });
  const states: string[] = [];
  own.endpoint.onState = (state) => states.push(state);
  own.endpoint.connect();
  await eventually(() => expect(own.endpoint.state).toBe("ready"));
  for (const session of own.sessions) session.destroy();
  await eventually(() => expect(own.endpoint.state).toBe("idle"));
  own.channel.close();
  expect(states).toEqual(["connecting", "ready", "idle", "closed"]);
});

test("a storm of cancelled calls leaves no stream, timer or listener behind", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  using own = await world({ onStream: (stream, headers) => headers[":path"] === PATH && answer(stream) });
  await callOnce(own.channel, PATH);
  const before = timers();
  for (let wave = 0; wave < 20; wave++) {
    const calls = Array.from({ length: 100 }, (_, at) =>
      startCall(own.channel, at % 2 ? PATH : "/hang", {
        deadlineMs: Date.now() + 60_000 + at,
        ...(at % 3 && { message: Buffer.alloc(at) }),
      }),
    );
    for (const [at, { call }] of calls.entries()) {
      if (at % 4) setImmediate(() => call.cancel(Status.CANCELLED, "no longer wanted"));
      else call.cancel(Status.CANCELLED, "no longer wanted");
    }
    await Promise.all(calls.map(({ outcome }) => outcome));
  }
  await eventually(() => expect(own.endpoint.counts).toMatchObject({ streams: 0, waiting: 0 }));
  await eventually(() => expect(timers()).toBeLessThanOrEqual(before));
  expect((await callOnce(own.channel, PATH)).status.code).toBe(Status.OK);
});

test("a connection does not hold on to the context of the call that it was opened for", async () => {
  const storage = new AsyncLocalStorage<string>();
  using own = await world({ onStream: (stream) => answer(stream) });
  const seen: unknown[] = [];
  own.endpoint.onState = () => seen.push(storage.getStore());
  await storage.run("a call", () => callOnce(own.channel, PATH));
  for (const session of own.sessions) session.destroy();
  await eventually(() => expect(own.endpoint.state).toBe("idle"));
  // Connecting is told within the call that asks for it; what happens to the connection later is nobody's.
  expect(seen).toEqual(["a call", undefined, undefined]);
});
