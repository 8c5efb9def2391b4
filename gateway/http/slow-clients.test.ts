import { subscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { connect as connectHttp2, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { connect, type Socket } from "node:net";
import { setInterval as every } from "node:timers/promises";
import type { JsonObject } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { testAuthority } from "#mesh/testing";
import { call, type LibraryOptions, startLibrary } from "../library.fixture.ts";
import { type ClientLimits, defaultClientLimits } from "./client-limits.ts";

// How long a client may take is never asserted, only that the gateway ends what has no end: without that, tests hang.
const soon = 500;
const head = "Host: library\r\nAuthorization: Bearer ann:user\r\n";

function startWith(limits: Partial<ClientLimits>, options: LibraryOptions = {}) {
  return startLibrary({ ...options, config: { clients: { ...defaultClientLimits, ...limits }, ...options.config } });
}

function open(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect({ host: hostname, port: Number(port), noDelay: true }).on("error", () => undefined);
}

/** Writes a byte at a time for as long as somebody listens. */
async function trickle(socket: Socket): Promise<void> {
  const over = new AbortController();
  socket.on("close", () => over.abort());
  try {
    for await (const _ of every(5, undefined, { signal: over.signal })) socket.write("x");
  } catch {
    // It is over.
  }
}

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  // Who goes on writing is reset first.
  await new Promise((resolve) => socket.on("close", resolve));
  return Buffer.concat(chunks).toString();
}

test("a head that does not end, comes byte by byte or not at all ends with its connection", async () => {
  await using library = await startWith({ headTimeoutMs: soon });
  const begun = open(library.url);
  begun.write("GET /v1/books/7 HTTP/1.1\r\nX: ");
  const dripping = open(library.url);
  dripping.write("GET /v1/books/7 HTTP/1.1\r\nX: ");
  const undecided = open(library.url);
  undecided.write("PRI * HT");
  const texts = Promise.all([begun, dripping, undecided, open(library.url)].map(textOf));
  await trickle(dripping);
  const timeout = expect.stringMatching(/^HTTP\/1\.1 408 /);
  expect(await texts).toEqual([timeout, timeout, "", ""]);
});

test("a TLS handshake that does not come ends with its connection", async () => {
  using authority = await testAuthority();
  const tls = authority.write(await authority.issue("spiffe://heddle.local/edge"));
  await using library = await startWith({ headTimeoutMs: soon }, { config: { tls } });
  expect(await textOf(open(library.url))).toBe("");
});

test("a body that comes byte by byte is refused with 408, and its connection ended", async () => {
  await using library = await startWith({ bodyTimeoutMs: soon });
  const socket = open(library.url);
  const text = textOf(socket);
  socket.write(`POST /v1/books HTTP/1.1\r\n${head}Content-Length: 100000\r\n\r\n`);
  await trickle(socket);
  const [first = "", body = ""] = (await text).split("\r\n\r\n");
  expect(first).toMatch(/^HTTP\/1\.1 408 /);
  expect(JSON.parse(body)).toMatchObject({ code: Code.DeadlineExceeded });
});

test("by HTTP/2, too, in the words of each protocol", async () => {
  await using library = await startWith({ bodyTimeoutMs: soon });
  const rest = await begin(library.url, "/v1/books", { "content-type": "application/json" });
  expect(rest[":status"]).toBe(408);
  const path = "/test.library.v1.Library/GetBook";
  const connectRpc = await begin(library.url, path, { "content-type": "application/json" });
  expect(connectRpc[":status"]).toBe(504);
  const grpc = await begin(library.url, path, { "content-type": "application/grpc", te: "trailers" });
  expect([grpc[":status"], grpc["grpc-status"]]).toEqual([200, String(Code.DeadlineExceeded)]);
});

/** Begins a request by HTTP/2 that is never ended, and returns the head of its answer. */
async function begin(url: string, path: string, headers: OutgoingHttpHeaders): Promise<IncomingHttpHeaders> {
  const session = connectHttp2(url);
  try {
    const authorization = "Bearer ann:user";
    const stream = session.request({ ":method": "POST", ":path": path, authorization, ...headers });
    stream.on("error", () => undefined);
    stream.write("x");
    return (await once(stream, "response"))[0];
  } finally {
    session.destroy();
  }
}

test.each([
  ["HTTP/1.1", readNothing],
  ["HTTP/2", readNothingByHttp2],
])("a client that does not take its answer is cut off, and its call is ended (%s)", async (_, ask) => {
  const ended = Promise.withResolvers<void>();
  const watch = async function* (): AsyncIterable<JsonObject> {
    try {
      for (;;) yield { title: "x".repeat(64 * 1024) };
    } finally {
      ended.resolve();
    }
  };
  await using library = await startWith({ stallTimeoutMs: soon }, { watch });
  using client = ask(library.url);
  await ended.promise;
  expect(client).toBeDefined();
});

function readNothing(url: string): Disposable {
  const socket = open(url).pause();
  socket.write(`GET /v1/books/7:watch HTTP/1.1\r\n${head}\r\n`);
  return { [Symbol.dispose]: () => socket.destroy() };
}

function readNothingByHttp2(url: string): Disposable {
  const session = connectHttp2(url).on("error", () => undefined);
  session.request({ ":path": "/v1/books/7:watch" }).on("error", () => undefined);
  return { [Symbol.dispose]: () => session.destroy() };
}

test("a connection that nobody uses any more is closed, one whose answer is awaited is not", async () => {
  const go = Promise.withResolvers<void>();
  await using library = await startWith(
    { stallTimeoutMs: soon },
    {
      async unary({ id = "" }) {
        if (id === "slow") await go.promise;
        return {};
      },
    },
  );
  const idle = open(library.url);
  const waiting = open(library.url);
  const [text, answer] = [textOf(idle), textOf(waiting)];
  waiting.write(`GET /v1/books/slow HTTP/1.1\r\n${head}\r\n`);
  idle.write(`GET /v1/books/7 HTTP/1.1\r\n${head}\r\n`);
  expect(await text).toMatch(/^HTTP\/1\.1 200 /);
  go.resolve();
  expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
});

test("a client of HTTP/2 that has vanished in the middle of a call is cut off", async () => {
  await using library = await startWith({ stallTimeoutMs: soon });
  const socket = open(library.url);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const path = "/test.library.v1.Library/Discuss";
  const fields = { ":method": "POST", ":scheme": "http", ":path": path, "content-type": "application/grpc" };
  const block = Object.entries(fields).flatMap((pair) => [Buffer.from([0]), ...pair.map(literal)]);
  for (const [type, flags, stream, payload] of [
    [0x4, 0x0, 0, Buffer.alloc(0)],
    [0x1, 0x4, 1, Buffer.concat(block)],
  ] as const) {
    socket.write(Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]));
    socket.write(payload);
  }
  // It answers no ping.
  await textOf(socket);
});

/** A text as RFC 7541, section 5.2 has it, without compression. */
function literal(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
}

test.each([
  ["application/grpc", "grpc-status: 4"],
  ["application/connect+json", "deadline_exceeded"],
])("a stream of %s in which nothing moves is ended", async (type, said) => {
  const streams = { openAfterMs: 1_000, heartbeatMs: 0, idleTimeoutMs: soon };
  await using library = await startWith({}, { config: { streams } });
  const session = connectHttp2(library.url);
  try {
    const path = "/test.library.v1.Library/CountBooks";
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": type, te: "trailers" });
    // Half of a message does not count as one.
    stream.write(Buffer.from([0, 0, 0]));
    let text = "";
    for (const event of ["response", "trailers"]) {
      stream.on(event, (fields) => (text += Object.entries(fields).map((pair) => pair.join(": "))));
    }
    stream.on("data", (data) => (text += data));
    await once(stream, "close");
    expect(text).toContain(said);
  } finally {
    session.destroy();
  }
});

test("when the bodies that wait take as much memory as they may, more is refused until there is room", async () => {
  await using library = await startWith({ maxHeldBytes: 1024 * 1024 });
  const accepted: Socket[] = [];
  subscribe("net.server.socket", (message) => void accepted.push((message as { socket: Socket }).socket));
  const body = `{"book":{"id":"7"}}${" ".repeat(600 * 1024)}`;
  const headers = { authorization: "Bearer ann:user" };
  const send = () => call(library.url, "POST /v1/books", { headers, body });
  const slow = open(library.url);
  const answer = textOf(slow);
  const type = "Content-Type: application/json\r\nConnection: close\r\n";
  slow.write(`POST /v1/books HTTP/1.1\r\n${head}${type}Content-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`);
  await expect.poll(() => Math.max(0, ...accepted.map(({ bytesRead }) => bytesRead))).toBeGreaterThan(body.length);
  const refused = await send();
  expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "1"]);
  expect(refused.json()).toMatchObject({ code: Code.Unavailable });
  slow.write(" ");
  expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
  await expect.poll(async () => (await send()).status).toBe(200);
});
