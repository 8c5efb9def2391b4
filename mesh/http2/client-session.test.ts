import { once } from "node:events";
import { constants, createServer, type ServerHttp2Stream } from "node:http2";
import { connect } from "node:net";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ClientSession } from "./client-session.ts";
import type { StreamListener } from "./client-stream.ts";
import { Flag, FrameType } from "./frames.ts";
import { rawFrame, rawPeer } from "./raw-peer.fixture.ts";

const windows = { streamWindowBytes: 1000, connectionWindowBytes: 100_000 };
const OK = Buffer.from([0x88]);
const { DATA, HEADERS, CONTINUATION, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE } = FrameType;
const { END_STREAM, END_HEADERS, PADDED } = Flag;

/** Bytes of 32-bit numbers. */
function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4);
  return bytes;
}

function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, id]), numbers(value)]);
}

/** A literal header that is not indexed. */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

function startSession(port: number) {
  const settled = vi.fn();
  const closed = Promise.withResolvers<void>();
  const listener = { onSettings: settled, onGoaway: () => {}, onClose: closed.resolve };
  const socket = connect(port, "127.0.0.1");
  const session = new ClientSession(socket, listener, windows);
  onTestFinished(() => session.destroy());
  return { session, socket, settled, closed: closed.promise };
}

/** Records what a stream is told. */
function recorder() {
  const log: unknown[] = [];
  const closed = Promise.withResolvers<number | undefined>();
  const listener: StreamListener = {
    onHeaders: (headers) => log.push({ ...headers }),
    onData: (chunk) => log.push(chunk.toString()),
    onEnd: (headers) => log.push(headers ? { ...headers } : "end"),
    onDrain: () => log.push("drain"),
    onClose: closed.resolve,
  };
  return { log, listener, closed: closed.promise };
}

/** A session with a server that says what a test says, and one stream that has asked for everything. */
async function world(settings?: Buffer) {
  const peer = await rawPeer();
  onTestFinished(() => peer[Symbol.dispose]());
  const own = startSession(peer.port);
  await peer.greet(settings);
  await vi.waitFor(() => expect(own.settled).toHaveBeenCalled());
  const record = recorder();
  const stream = own.session.open([":method", "POST", ":path", "/a"], record.listener);
  return { peer, ...own, record, stream };
}

async function sentCode(peer: { sent(type: number): { payload: Buffer }[] }): Promise<number | undefined> {
  await vi.waitFor(() => expect(peer.sent(GOAWAY)).toHaveLength(1));
  return peer.sent(GOAWAY)[0]?.payload.readUInt32BE(4);
}

describe("what breaks HTTP/2 ends the connection with its code", () => {
  const block = { flags: END_HEADERS, streamId: 1 };
  const cases: [string, number, Buffer][] = [
    ["a frame over 16 KiB", constants.NGHTTP2_FRAME_SIZE_ERROR, rawFrame(DATA, Buffer.alloc(16_385), { streamId: 1 })],
    ["SETTINGS of 5 bytes", constants.NGHTTP2_FRAME_SIZE_ERROR, rawFrame(SETTINGS, Buffer.alloc(5))],
    ["a PING of 7 bytes", constants.NGHTTP2_FRAME_SIZE_ERROR, rawFrame(PING, Buffer.alloc(7))],
    [
      "a RST_STREAM of 3 bytes",
      constants.NGHTTP2_FRAME_SIZE_ERROR,
      rawFrame(RST_STREAM, Buffer.alloc(3), { streamId: 1 }),
    ],
    ["a GOAWAY of 7 bytes", constants.NGHTTP2_FRAME_SIZE_ERROR, rawFrame(GOAWAY, Buffer.alloc(7))],
    ["a push", constants.NGHTTP2_PROTOCOL_ERROR, rawFrame(PUSH_PROMISE, numbers(2), block)],
    ["a stream that never was", constants.NGHTTP2_PROTOCOL_ERROR, rawFrame(HEADERS, OK, { ...block, streamId: 3 })],
    ["a stream of the server", constants.NGHTTP2_PROTOCOL_ERROR, rawFrame(HEADERS, OK, { ...block, streamId: 2 })],
    ["DATA of no stream", constants.NGHTTP2_PROTOCOL_ERROR, rawFrame(DATA, OK)],
    ["a block that goes on without beginning", constants.NGHTTP2_PROTOCOL_ERROR, rawFrame(CONTINUATION, OK, block)],
    [
      "a frame between the parts of a block",
      constants.NGHTTP2_PROTOCOL_ERROR,
      Buffer.concat([rawFrame(HEADERS, OK, { streamId: 1 }), rawFrame(PING, Buffer.alloc(8))]),
    ],
    [
      "padding beyond the end",
      constants.NGHTTP2_PROTOCOL_ERROR,
      rawFrame(DATA, Buffer.from([9, 1]), { flags: PADDED, streamId: 1 }),
    ],
    ["a window opened by nothing", constants.NGHTTP2_PROTOCOL_ERROR, rawFrame(WINDOW_UPDATE, numbers(0))],
    ["a window that is too large", constants.NGHTTP2_FLOW_CONTROL_ERROR, rawFrame(WINDOW_UPDATE, numbers(0x7fffffff))],
    [
      "streams with too large a window",
      constants.NGHTTP2_FLOW_CONTROL_ERROR,
      rawFrame(SETTINGS, setting(4, 0x80000000)),
    ],
    [
      "more than the stream's window",
      constants.NGHTTP2_FLOW_CONTROL_ERROR,
      rawFrame(DATA, Buffer.alloc(1001), { streamId: 1 }),
    ],
    ["a block that cannot be read", constants.NGHTTP2_COMPRESSION_ERROR, rawFrame(HEADERS, Buffer.from([0x80]), block)],
    [
      "a block without end",
      constants.NGHTTP2_ENHANCE_YOUR_CALM,
      Buffer.concat([
        rawFrame(HEADERS, Buffer.alloc(0), { streamId: 1 }),
        ...Array.from({ length: 64 }, () => rawFrame(CONTINUATION, Buffer.alloc(0), { streamId: 1 })),
      ]),
    ],
    [
      "a block of more than 64 KiB",
      constants.NGHTTP2_ENHANCE_YOUR_CALM,
      Buffer.concat([
        rawFrame(HEADERS, Buffer.alloc(16_384), { streamId: 1 }),
        ...Array.from({ length: 4 }, () => rawFrame(CONTINUATION, Buffer.alloc(16_384), { streamId: 1 })),
      ]),
    ],
  ];

  test.each(cases)("%s", async (_, code, bytes) => {
    const { peer, session, closed, record } = await world();
    peer.write(bytes);
    expect(await sentCode(peer)).toBe(code);
    await closed;
    expect(session.error).toMatchObject({ code });
    expect(await record.closed).toBe(undefined);
  });
});

describe("an answer that is malformed ends its stream alone", () => {
  const headers = (...fields: Buffer[]) =>
    rawFrame(HEADERS, Buffer.concat(fields), { flags: END_HEADERS, streamId: 1 });
  test.each([
    ["no status", headers(literal("a", "b"))],
    ["a status that is not the first", headers(literal("a", "b"), OK)],
    ["two of them", headers(OK, OK)],
    ["another pseudo-header", headers(OK, literal(":path", "/"))],
    ["a capital in a name", headers(OK, literal("A", "b"))],
    ["a name of nothing", headers(OK, literal("", "b"))],
    ["a line break in a value", headers(OK, literal("a", "b\r\nc: d"))],
    ["a header of HTTP/1", headers(OK, literal("connection", "close"))],
    ["DATA before headers", rawFrame(DATA, OK, { streamId: 1 })],
    ["headers twice", Buffer.concat([headers(OK), headers(OK)])],
    [
      "a status in trailers",
      Buffer.concat([headers(OK), rawFrame(HEADERS, OK, { flags: END_HEADERS | END_STREAM, streamId: 1 })]),
    ],
    [
      "more headers than 64 KiB, of which the block needs few",
      headers(
        OK,
        Buffer.concat([
          Buffer.from([0x40, 1]),
          Buffer.from("a"),
          Buffer.from([0x7f, 0x81, 0x0f]),
          Buffer.alloc(2048, "x"),
        ]),
        Buffer.alloc(40, 0xbe),
      ),
    ],
  ])("%s", async (_, bytes) => {
    const { peer, session, record } = await world();
    peer.write(bytes);
    expect(await record.closed).toBe(constants.NGHTTP2_PROTOCOL_ERROR);
    await vi.waitFor(() => expect(peer.sent(RST_STREAM)).toHaveLength(1));
    expect(session.ended).toBe(false);
    const next = recorder();
    session.open([":path", "/b"], next.listener).end();
    peer.send(HEADERS, OK, { flags: END_HEADERS | END_STREAM, streamId: 3 });
    await vi.waitFor(() => expect(next.log).toEqual([{ ":status": "200" }]));
  });
});

test("answers are read byte by byte, in parts, padded, and among frames that mean nothing", async () => {
  const { peer, record, stream } = await world();
  stream.end();
  const bytes = Buffer.concat([
    rawFrame(0xee, Buffer.from("unknown"), { streamId: 1 }),
    rawFrame(FrameType.PRIORITY, Buffer.alloc(5), { streamId: 1 }),
    rawFrame(HEADERS, literal(":status", "103"), { flags: END_HEADERS, streamId: 1 }),
    rawFrame(HEADERS, Buffer.from([2, 0, 0, 0, 0, 7, 0x88, 0, 0]), { flags: PADDED | Flag.PRIORITY, streamId: 1 }),
    rawFrame(CONTINUATION, literal("a", "1"), { streamId: 1 }),
    rawFrame(CONTINUATION, literal("a", "2"), { flags: END_HEADERS, streamId: 1 }),
    rawFrame(DATA, Buffer.from("\x03hi..."), { flags: PADDED, streamId: 1 }),
    rawFrame(HEADERS, literal("grpc-status", "0"), { flags: END_HEADERS | END_STREAM, streamId: 1 }),
  ]);
  for (const byte of bytes) peer.write(Buffer.from([byte]));
  expect(await record.closed).toBe(undefined);
  expect(record.log).toEqual([{ ":status": "200", a: "1, 2" }, "hi", { "grpc-status": "0" }]);
});

test("pings are answered with what they hold, and answers are told in order", async () => {
  const { peer, session } = await world();
  peer.send(PING, numbers(1, 2));
  await vi.waitFor(() => expect(peer.sent(PING)).toMatchObject([{ flags: Flag.ACK, payload: numbers(1, 2) }]));
  const answers: number[] = [];
  for (const nth of [1, 2]) session.ping(() => answers.push(nth));
  for (const _ of answers.concat(1, 2)) peer.send(PING, Buffer.alloc(8), { flags: Flag.ACK });
  await vi.waitFor(() => expect(answers).toEqual([1, 2]));
});

test("a server that asks for answers and does not read them is left", async () => {
  const { peer, session, closed } = await world();
  peer.stopReading();
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => rawFrame(PING, Buffer.alloc(8))));
  while (!session.ended) await new Promise<void>((written) => void peer.write(pings, written));
  await closed;
  expect(session.error).toMatchObject({ code: constants.NGHTTP2_ENHANCE_YOUR_CALM });
});

describe("flow control", () => {
  const sentBytes = (peer: { sent(type: number): { payload: Buffer }[] }) =>
    peer.sent(DATA).reduce((sum, { payload }) => sum + payload.length, 0);

  test("no more is sent than the stream's window allows, also when it shrinks below nothing", async () => {
    const { peer, stream, record } = await world(setting(4, 10));
    expect(stream.write(Buffer.alloc(15))).toBe(false);
    await vi.waitFor(() => expect(sentBytes(peer)).toBe(10));
    peer.send(SETTINGS, setting(4, 4));
    // The window is at -6 now.
    peer.send(WINDOW_UPDATE, numbers(6), { streamId: 1 });
    peer.send(PING, Buffer.alloc(8));
    await vi.waitFor(() => expect(peer.sent(PING)).toHaveLength(1));
    expect([sentBytes(peer), record.log]).toEqual([10, []]);
    peer.send(WINDOW_UPDATE, numbers(5), { streamId: 1 });
    await vi.waitFor(() => expect(sentBytes(peer)).toBe(15));
    expect(record.log).toEqual(["drain"]);
    stream.end();
    await vi.waitFor(() => expect(peer.sent(DATA).at(-1)).toMatchObject({ flags: END_STREAM }));
  });

  test("nor than the connection's, which streams share in turns", async () => {
    const { peer, session, stream } = await world(setting(4, 1_000_000));
    const others = [1, 2].map(() => session.open([":path", "/b"], recorder().listener));
    stream.end(Buffer.alloc(65_535));
    for (const each of others) each.end(Buffer.alloc(40_000));
    await vi.waitFor(() => expect(sentBytes(peer)).toBe(65_535));
    peer.send(WINDOW_UPDATE, numbers(100_000));
    await vi.waitFor(() => expect(sentBytes(peer)).toBe(145_535));
    const turns = peer.sent(DATA).map(({ streamId }) => streamId);
    expect(turns.slice(-6)).toEqual([3, 5, 3, 5, 3, 5]);
  });

  test("a window is opened again once half of it was consumed, the connection's without waiting for that", async () => {
    const { peer, stream, record } = await world();
    peer.send(HEADERS, OK, { flags: END_HEADERS, streamId: 1 });
    for (let nth = 0; nth < 4; nth++) peer.send(DATA, Buffer.alloc(250, "a"), { streamId: 1 });
    await vi.waitFor(() => expect(record.log).toHaveLength(5));
    stream.consumed(499);
    stream.consumed(2);
    await vi.waitFor(() =>
      expect(peer.sent(WINDOW_UPDATE).at(-1)).toMatchObject({ streamId: 1, payload: numbers(501) }),
    );
    const forConnection = peer.sent(WINDOW_UPDATE).filter(({ streamId }) => streamId === 0);
    expect(forConnection).toMatchObject([{ payload: numbers(100_000 - 65_535) }]);
  });
});

test("a reset takes back what was not sent", async () => {
  const { peer, stream, record } = await world(setting(4, 0));
  stream.end(Buffer.from("never"));
  stream.reset(constants.NGHTTP2_CANCEL);
  expect(await record.closed).toBe(constants.NGHTTP2_CANCEL);
  peer.send(WINDOW_UPDATE, numbers(100), { streamId: 1 });
  await vi.waitFor(() => expect(peer.sent(RST_STREAM)).toMatchObject([{ payload: numbers(8) }]));
  expect(peer.sent(DATA)).toEqual([]);
});

describe("streams whose frames were not written when the connection ended were never sent", () => {
  const headers = [":method", "POST", ":path", "/b"];

  test("when it breaks", async () => {
    const { peer, session, stream, closed } = await world();
    await vi.waitFor(() => expect(peer.sent(HEADERS)).toHaveLength(1));
    const late = session.open(headers, recorder().listener);
    session.destroy();
    await closed;
    expect([stream.id, late.id].map((id) => id <= session.lastStreamId)).toEqual([true, false]);
  });

  test("when the server has hung up", async () => {
    const { peer, session, socket, stream, closed } = await world();
    await vi.waitFor(() => expect(peer.sent(HEADERS)).toHaveLength(1));
    peer.hangUp();
    await once(socket, "end");
    const late = session.open(headers, recorder().listener);
    await closed;
    expect([stream.id, late.id].map((id) => id <= session.lastStreamId)).toEqual([true, false]);
  });
});

test("Node's server reads every header that is sent, and its answers are read, call after call", async () => {
  const server = createServer({ settings: { headerTableSize: 200 } });
  onTestFinished(() => void server.close());
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const echoed = Object.entries(headers).filter(([name]) => name.startsWith("x-"));
    stream.respond({ ":status": 200, ...Object.fromEntries(echoed) }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-path": headers[":path"] ?? "" }));
    stream.pipe(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const { session, settled } = startSession(address.port);
  await vi.waitFor(() => expect(settled).toHaveBeenCalled());
  const text = fc.string({ maxLength: 60, unit: "grapheme-ascii" }).map((value) => value.trim());
  const call = fc.record({
    path: fc.constantFrom("/a", "/b", `/${"c".repeat(300)}`),
    headers: fc.dictionary(fc.stringMatching(/^x-[a-z0-9_.-]{0,8}$/), fc.oneof(text, fc.constant("y".repeat(5000))), {
      maxKeys: 9,
    }),
    body: fc.string({ maxLength: 900, unit: "grapheme-ascii" }),
  });
  await fc.assert(
    fc.asyncProperty(call, async ({ path, headers, body }) => {
      const { log, listener, closed } = recorder();
      const start = [":method", "POST", ":scheme", "http", ":authority", "a", ":path", path];
      session.open([...start, ...Object.entries(headers).flat()], listener).end(Buffer.from(body));
      expect(await closed).toBe(undefined);
      expect(log.shift()).toMatchObject(headers);
      expect(log.pop()).toEqual({ "x-path": path });
      expect(log.join("")).toBe(body);
    }),
  );
});

test("whatever a server sends, the session goes on or ends with an error", async () => {
  const frame = fc.record({
    type: fc.nat({ max: 12 }),
    flags: fc.nat({ max: 255 }),
    streamId: fc.constantFrom(0, 1, 1, 1, 2, 3),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(OK, numbers(1), numbers(1, 0), Buffer.alloc(8)),
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 12 }), fc.uint8Array({ maxLength: 30 }), async (frames, rest) => {
      const peer = await rawPeer();
      const { session, settled, closed } = startSession(peer.port);
      await peer.greet();
      await vi.waitFor(() => expect(settled).toHaveBeenCalled(), { interval: 1 });
      const record = recorder();
      session.open([":path", "/a"], record.listener).end();
      for (const { type, payload, ...where } of frames) peer.send(type, payload, where);
      peer.write(rest);
      peer[Symbol.dispose]();
      await Promise.all([record.closed, closed]);
    }),
    { numRuns: 300 },
  );
});
