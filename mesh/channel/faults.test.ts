import { constants, type ServerHttp2Stream } from "node:http2";
import { createServer, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { eventually } from "#mesh/testing";
import { createChannel } from "./channel.ts";
import { frameMessage } from "./message-frames.ts";
import { callOnce, startCall } from "./outcome.fixture.ts";
import { answer, GOOD, type RawServerOptions, rawServer } from "./raw-server.fixture.ts";
import { Status } from "./status.ts";

const PATH = "/test.Raw/Unary";
const hi = frameMessage(Buffer.from("hi"));

/** What a call comes to when the server does `onStream`. */
async function outcome(
  onStream: NonNullable<RawServerOptions["onStream"]>,
  options: { maxReceiveBytes?: number } = {},
) {
  using server = await rawServer({ onStream });
  const channel = createChannel({ addresses: [server.address], ...options });
  const result = await callOnce(channel, PATH);
  // Whatever happened, the connection is left as it was found.
  expect(channel.endpoints[0]?.counts.waiting).toBe(0);
  channel.close();
  return result;
}

/** The same, for a server that says nothing but these headers. */
function trailersOnly(headers: Record<string, string | number | string[]>) {
  return outcome((stream) => stream.respond({ ...GOOD, ...headers }, { endStream: true }));
}

describe("an answer", () => {
  test("has header, message and trailers", async () => {
    const { header, messages, status } = await outcome((stream) => {
      stream.respond({ ...GOOD, "x-a": ["1", "2"] }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "x-b": "3" }));
      stream.end(hi);
    });
    expect(header).toMatchObject({ "x-a": "1, 2" });
    expect(messages.map(String)).toEqual(["hi"]);
    expect(status).toMatchObject({ code: Status.OK, trailer: { "x-b": "3" } });
  });

  test("may be a status alone", async () => {
    const { header, messages, status } = await trailersOnly({
      "grpc-status": 9,
      "grpc-message": "no%20way %C3%A9%zz%",
    });
    expect({ header, messages }).toEqual({ header: undefined, messages: [] });
    expect(status).toMatchObject({ code: 9, message: "no way é%zz%" });
  });

  test("may come in pieces of one byte", async () => {
    const { messages, status } = await outcome((stream) => {
      answer(
        stream,
        [...Buffer.concat([hi, hi])].map((byte) => Buffer.from([byte])),
      );
    });
    expect(messages.map(String)).toEqual(["hi", "hi"]);
    expect(status.code).toBe(Status.OK);
  });

  test("may be compressed", async () => {
    const { messages } = await outcome((stream) => {
      stream.respond({ ...GOOD, "grpc-encoding": "gzip" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.write(frameMessage(Buffer.from("small"), true));
      // The encoding says how messages are compressed that are; this one is not.
      stream.end(hi);
    });
    expect(messages.map(String)).toEqual(["small", "hi"]);
  });

  test("keeps the messages before a failure", async () => {
    const { messages, status } = await outcome((stream) => answer(stream, [hi, hi], { "grpc-status": "8" }));
    expect(messages).toHaveLength(2);
    expect(status.code).toBe(Status.RESOURCE_EXHAUSTED);
  });
});

test("a request says what gRPC wants to know", async () => {
  let seen: Readonly<Record<string, unknown>> = {};
  using server = await rawServer({
    onStream(stream, headers) {
      seen = headers;
      answer(stream);
    },
  });
  const channel = createChannel({ addresses: [server.address] });
  await callOnce(channel, PATH, undefined, {
    metadata: ["x-a", "1", "x-b-bin", "AAE"],
    deadlineMs: Date.now() + 90_000,
  });
  channel.close();
  expect(seen).toMatchObject({
    ":method": "POST",
    ":scheme": "http",
    ":path": PATH,
    ":authority": server.address,
    te: "trailers",
    "content-type": "application/grpc",
    "grpc-accept-encoding": "identity,gzip",
    "user-agent": expect.stringMatching(/^grpc-node-heddle\/\d/),
    "grpc-timeout": expect.stringMatching(/^\d{5}m$/),
    "x-a": "1",
    "x-b-bin": "AAE",
  });
});

describe("a fault of the protocol", () => {
  test("no trailers", async () => {
    const { status } = await outcome((stream) => {
      stream.respond(GOOD);
      stream.end(hi);
    });
    expect(status).toMatchObject({
      code: Status.INTERNAL,
      message: "the server ended the stream without a grpc-status",
    });
  });

  test("trailers without a status", async () => {
    const { status } = await outcome((stream) => answer(stream, [hi], { "x-a": "1" }));
    expect(status.code).toBe(Status.INTERNAL);
  });

  test("a status that is no number", async () => {
    expect((await trailersOnly({ "grpc-status": "fine" })).status.code).toBe(Status.UNKNOWN);
  });

  test.each([
    ["another content-type", { "content-type": "text/html" }],
    ["another encoding", { "content-type": "application/grpc+json" }],
    ["gRPC-Web", { "content-type": "application/grpc-web" }],
  ])("%s", async (_, headers) => {
    const { status } = await outcome((stream) => {
      stream.respond({ ...GOOD, ...headers });
      stream.end("<html>");
    });
    expect(status).toMatchObject({ code: Status.UNKNOWN, message: expect.stringContaining("content-type") });
  });

  test.each([
    [400, Status.INTERNAL],
    [401, Status.UNAUTHENTICATED],
    [403, Status.PERMISSION_DENIED],
    [404, Status.UNIMPLEMENTED],
    [429, Status.UNAVAILABLE],
    [500, Status.UNKNOWN],
    [502, Status.UNAVAILABLE],
    [503, Status.UNAVAILABLE],
    [504, Status.UNAVAILABLE],
  ])("HTTP status %i without a grpc-status is code %i", async (httpStatus, code) => {
    const { status } = await outcome((stream) => {
      stream.respond({ ":status": httpStatus, "content-type": "text/plain" });
      stream.end("a proxy speaks");
    });
    expect(status.code).toBe(code);
    expect((await trailersOnly({ ":status": httpStatus })).status.code).toBe(code);
  });

  test("a grpc-status counts more than the HTTP status", async () => {
    expect((await trailersOnly({ ":status": 503, "grpc-status": 5 })).status.code).toBe(5);
  });

  test.each([
    ["an unknown flag", Buffer.concat([Buffer.from([2]), hi.subarray(1)]), Status.INTERNAL],
    ["a compressed message without an encoding", frameMessage(Buffer.from("hi"), true), Status.INTERNAL],
    ["half a message", hi.subarray(0, 6), Status.INTERNAL],
    ["half a prefix", hi.subarray(0, 3), Status.INTERNAL],
    ["more than may be received", frameMessage(Buffer.alloc(1_001)), Status.RESOURCE_EXHAUSTED],
    ["an absurd length", Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]), Status.RESOURCE_EXHAUSTED],
  ])("%s", async (_, frame, code) => {
    const { status, messages } = await outcome((stream) => answer(stream, [frame]), { maxReceiveBytes: 1_000 });
    expect(status.code).toBe(code);
    expect(messages).toEqual([]);
  });

  test.each([
    ["an unknown encoding", "snappy", Buffer.from("?"), Status.INTERNAL],
    ["bytes that are no gzip", "gzip", Buffer.from("?"), Status.INTERNAL],
    ["a bomb", "gzip", gzipSync(Buffer.alloc(1_000_000)), Status.RESOURCE_EXHAUSTED],
  ])("compressed with %s", async (_, encoding, body, code) => {
    const frame = frameMessage(body);
    frame[0] = 1;
    const { status } = await outcome(
      (stream) => {
        stream.respond({ ...GOOD, "grpc-encoding": encoding });
        stream.write(frame);
      },
      { maxReceiveBytes: 5_000 },
    );
    expect(status.code).toBe(code);
  });

  test.each([
    ["PROTOCOL_ERROR", Status.INTERNAL],
    ["INTERNAL_ERROR", Status.INTERNAL],
    ["FLOW_CONTROL_ERROR", Status.INTERNAL],
    ["SETTINGS_TIMEOUT", Status.INTERNAL],
    ["STREAM_CLOSED", Status.UNKNOWN],
    ["FRAME_SIZE_ERROR", Status.INTERNAL],
    ["REFUSED_STREAM", Status.UNAVAILABLE],
    ["CANCEL", Status.CANCELLED],
    ["COMPRESSION_ERROR", Status.INTERNAL],
    ["CONNECT_ERROR", Status.INTERNAL],
    ["ENHANCE_YOUR_CALM", Status.RESOURCE_EXHAUSTED],
    ["INADEQUATE_SECURITY", Status.PERMISSION_DENIED],
    ["HTTP_1_1_REQUIRED", Status.UNKNOWN],
    ["NO_ERROR", Status.INTERNAL],
  ] as const)("a stream reset with %s is code %i", async (name, code) => {
    const reset = (stream: ServerHttp2Stream) => stream.close(constants[`NGHTTP2_${name}`]);
    expect((await outcome(reset)).status.code).toBe(code);
    // After a part of the answer, while requests are still being sent.
    using server = await rawServer({
      onStream(stream) {
        stream.respond(GOOD);
        stream.write(hi, () => reset(stream));
      },
    });
    const channel = createChannel({ addresses: [server.address] });
    expect((await startCall(channel, PATH).outcome).status.code).toBe(code);
    channel.close();
  });

  test("a deadline that the caller watches itself is only told to the server", async () => {
    const timeouts: unknown[] = [];
    using server = await rawServer({
      onStream(stream, headers) {
        if (headers["grpc-timeout"] === undefined) answer(stream);
        else timeouts.push(headers["grpc-timeout"]);
      },
    });
    const channel = createChannel({ addresses: [server.address] });
    await callOnce(channel, PATH);
    const deadlineMs = Date.now() + 50;
    const watched = startCall(channel, PATH, { deadlineMs, watched: true });
    const { status } = await callOnce(channel, PATH, undefined, { deadlineMs });
    expect(status.code).toBe(Status.DEADLINE_EXCEEDED);
    await eventually(() => expect(timeouts).toEqual(Array(2).fill(expect.stringMatching(/^\d+m$/))));
    watched.call.cancel(Status.CANCELLED, "by its caller");
    expect((await watched.outcome).status).toMatchObject({ code: Status.CANCELLED, message: "by its caller" });
    channel.close();
  });

  test("a reset by the server at the deadline is the deadline", async () => {
    using server = await rawServer({
      onStream: (stream) => setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), 60),
    });
    const channel = createChannel({ addresses: [server.address] });
    const { status } = await callOnce(channel, PATH, undefined, { deadlineMs: Date.now() + 50 });
    expect(status.code).toBe(Status.DEADLINE_EXCEEDED);
    channel.close();
  });
});

describe("a request over its limit", () => {
  test("is not sent", async () => {
    const channel = createChannel({ addresses: ["127.0.0.1:1"], maxSendBytes: 10 });
    const { status } = await callOnce(channel, PATH, Buffer.alloc(11));
    expect(status).toMatchObject({ code: Status.RESOURCE_EXHAUSTED, message: expect.stringContaining("limit of 10") });
    channel.close();
  });

  test("ends a stream that has begun", async () => {
    using server = await rawServer({ onStream: (stream) => stream.respond(GOOD) });
    const channel = createChannel({ addresses: [server.address], maxSendBytes: 10 });
    const running = startCall(channel, PATH);
    running.call.write(Buffer.alloc(10));
    running.call.write(Buffer.alloc(11));
    expect((await running.outcome).status.code).toBe(Status.RESOURCE_EXHAUSTED);
    channel.close();
  });
});

test("a request that is given up is not ended: no server takes half of it for the whole", async () => {
  const seen: string[] = [];
  const begun = Promise.withResolvers<void>();
  const over = Promise.withResolvers<number>();
  using server = await rawServer({
    onStream(stream) {
      stream.on("data", () => begun.resolve());
      stream.on("end", () => seen.push("end"));
      stream.on("aborted", () => seen.push("aborted"));
      stream.on("close", () => over.resolve(stream.rstCode));
    },
  });
  const channel = createChannel({ addresses: [server.address] });
  const { call } = startCall(channel, PATH);
  call.write(hi);
  await begun.promise;
  call.cancel(Status.CANCELLED, "enough");
  expect(await over.promise).toBe(constants.NGHTTP2_CANCEL);
  expect(seen[0]).toBe("aborted");
  channel.close();
});

test("an answer that comes before the request is sent ends the upload", async () => {
  using server = await rawServer({
    onStream(stream) {
      // It reads a little, answers, and leaves the rest where it is.
      stream.once("data", () => {
        stream.pause();
        stream.respond({ ...GOOD, "grpc-status": "8" }, { endStream: true });
      });
    },
  });
  const channel = createChannel({ addresses: [server.address] });
  const { status } = await callOnce(channel, PATH, Buffer.alloc(4_000_000));
  expect(status.code).toBe(Status.RESOURCE_EXHAUSTED);
  await eventually(() => expect(channel.endpoints[0]?.counts.streams).toBe(0));
  channel.close();
});

test.each([
  ["a header that HTTP/2 does not allow", ["upgrade", "h2c"]],
  ["more headers than fit", ["x-a", "1".repeat(100_000)]],
])("%s ends the call and no other", async (_, metadata) => {
  using server = await rawServer({ onStream: (stream) => answer(stream) });
  const channel = createChannel({ addresses: [server.address] });
  // Once while there is no connection yet, once while there is.
  for (let time = 0; time < 2; time++) {
    const { status } = await callOnce(channel, PATH, undefined, { metadata });
    expect(status.code).not.toBe(Status.OK);
    expect((await callOnce(channel, PATH)).status.code).toBe(Status.OK);
  }
  await eventually(() => expect(channel.endpoints[0]?.inFlight).toBe(0));
  channel.close();
});

test("requests are compressed when asked for", async () => {
  using server = await rawServer({
    onStream(stream, headers) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const flag = Buffer.concat(chunks)[0];
        answer(stream, [frameMessage(Buffer.from(`${headers["grpc-encoding"]} ${flag}`))]);
      });
    },
  });
  const channel = createChannel({ addresses: [server.address], gzip: true });
  expect((await callOnce(channel, PATH)).messages.map(String)).toEqual(["gzip 1"]);
  channel.close();
});

test("a refused stream is sent once more, and then it is Unavailable", async () => {
  let streams = 0;
  using server = await rawServer({
    onStream(stream, headers) {
      streams++;
      if (headers[":path"] === "/twice" || streams === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else answer(stream);
    },
  });
  const channel = createChannel({ addresses: [server.address] });
  expect((await callOnce(channel, PATH)).status.code).toBe(Status.OK);
  expect(streams).toBe(2);
  expect((await callOnce(channel, "/twice")).status).toMatchObject({
    code: Status.UNAVAILABLE,
    unprocessed: "refused",
  });
  expect(streams).toBe(4);
  channel.close();
});

test("a server that does not speak HTTP/2 is unavailable", async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const channel = createChannel({ addresses: [`127.0.0.1:${address.port}`] });
  expect((await callOnce(channel, PATH)).status).toMatchObject({ code: Status.UNAVAILABLE, unprocessed: "unsent" });
  channel.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});
