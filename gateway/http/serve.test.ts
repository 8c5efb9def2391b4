import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { constants } from "node:http2";
import { get } from "node:https";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, test } from "vitest";
import { silentLogger, testAuthority } from "#mesh/testing";
import { call, startLibrary } from "../library.fixture.ts";
import { openHttp2 } from "./http2-client.fixture.ts";
import { followCertificate } from "./server-certificate.ts";

const book = "/v1/books/7";
/** A call whose body is larger than may be. */
const large = {
  ":path": "/v1/books",
  ":method": "POST",
  "content-type": "application/json",
  authorization: "Bearer ada",
};
const sixMegabytes = Buffer.alloc(6_000_000, "x");

test("one plaintext port speaks HTTP/1.1 and HTTP/2", async () => {
  await using library = await startLibrary();
  expect((await call(library.url, `GET ${book}`)).status).toBe(200);
  using client = openHttp2(library.url);
  const answer = await client.ask({ ":path": book });
  expect([answer.headers[":status"], JSON.parse(answer.text)]).toMatchObject([200, { book: { id: "7" } }]);
  const head = await client.ask({ ":path": book, ":method": "HEAD" });
  expect([head.headers[":status"], head.text]).toEqual([200, ""]);
  const options = await client.ask({ ":path": book, ":method": "OPTIONS" });
  expect([options.headers[":status"], options.headers.allow]).toEqual([204, "DELETE, GET, HEAD, OPTIONS, PATCH"]);
  const wrong = await client.ask({ ":path": book, ":method": "PUT" });
  expect([wrong.headers[":status"], wrong.headers.allow]).toEqual([405, "DELETE, GET, HEAD, OPTIONS, PATCH"]);
});

test("the version is known however the first bytes are cut", async () => {
  await using library = await startLibrary();
  const http1 = await openSocket(library.url);
  for (const byte of `GET ${book} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`) await write(http1, byte);
  expect(await textOf(http1)).toMatch(/^HTTP\/1\.1 200 /);
  // "P" and "PR" may still become the preface of HTTP/2; "PROPFIND" does not.
  const other = await openSocket(library.url);
  for (const part of ["P", "R", `OPFIND ${book} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`])
    await write(other, part);
  expect(await textOf(other)).toMatch(/^HTTP\/1\.1 405 /);
  const http2 = await openSocket(library.url);
  for (const byte of "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") await write(http2, byte);
  const [settings] = await once(http2, "data");
  // The type of the first frame: SETTINGS.
  expect(settings[3]).toBe(4);
  http2.destroy();
});

test("a connection that closes or resets before it says anything harms nobody", async () => {
  await using library = await startLibrary();
  (await openSocket(library.url)).end("PRI");
  (await openSocket(library.url)).resetAndDestroy();
  const garbled = await openSocket(library.url);
  garbled.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nno frame of any kind");
  await textOf(garbled);
  expect((await call(library.url, "GET /healthz")).status).toBe(200);
});

test("with a certificate the port speaks HTTP/1.1 and HTTP/2 over TLS, by ALPN", async () => {
  using authority = await testAuthority();
  const tls = authority.write(await authority.issue("spiffe://heddle.local/edge"));
  await using library = await startLibrary({ config: { tls } });
  expect(library.url).toMatch(/^https:/);
  using client = openHttp2(library.url);
  expect((await client.ask({ ":path": book })).headers[":status"]).toBe(200);
  const [http1] = await once(get(`${library.url}${book}`, { rejectUnauthorized: false, agent: false }), "response");
  expect([http1.statusCode, http1.httpVersion]).toEqual([200, "1.1"]);
});

test.each(["http", "https"])("a refused body holds up nothing on its connection (%s)", async (scheme) => {
  using authority = await testAuthority();
  const tls = scheme === "https" ? authority.write(await authority.issue("spiffe://heddle.local/edge")) : undefined;
  await using library = await startLibrary({ config: { tls } });
  const { hostname, port } = new URL(library.url);
  const socket = tls
    ? connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false })
    : await openSocket(library.url);
  // More than is kept for a body that nobody reads.
  const body = Buffer.alloc(300_000, "x");
  socket.write(`POST /v1/books HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  socket.write(`GET ${book} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  expect((await textOf(socket)).match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 401", "HTTP/1.1 200"]);
});

test.each([
  ["announced", { "content-length": 6_000_000 }],
  ["not announced", {}],
])("a refused body by HTTP/2 is read on, so that every client reads its answer (length %s)", async (_, length) => {
  await using library = await startLibrary();
  using client = openHttp2(library.url);
  const stream = client.session.request({ ...large, ...length });
  const [answer] = await Promise.all([once(stream, "response"), once(stream, "finish"), stream.end(sixMegabytes)]);
  expect(answer[0][":status"]).toBe(413);
  await once(stream.resume(), "close");
  expect(stream.rstCode).toBe(0);
});

test("the body of a refused head by HTTP/2 is read on, too", async () => {
  await using library = await startLibrary();
  using client = openHttp2(library.url);
  const stream = client.session.request({ ...large, ":path": `/${"x".repeat(9 * 1024)}` });
  const [answer] = await Promise.all([once(stream, "response"), once(stream, "finish"), stream.end(sixMegabytes)]);
  expect(answer[0][":status"]).toBe(414);
  await once(stream.resume(), "close");
  expect(stream.rstCode).toBe(0);
});

test("a refused body by HTTP/2 that does not end is cut off, without its connection", async () => {
  await using library = await startLibrary();
  using client = openHttp2(library.url);
  const stream = client.session.request(large);
  stream.on("response", () => stream.resume());
  const more = () => !stream.closed && stream.write(sixMegabytes, more);
  more();
  await once(stream, "close");
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  expect((await client.ask({ ":path": book })).headers[":status"]).toBe(200);
});

test("a client that has its answer and stops sending has not gone away", async () => {
  await using library = await startLibrary();
  using client = openHttp2(library.url);
  const stream = client.session.request(large);
  stream.write(sixMegabytes);
  await once(stream, "response");
  await once(stream.resume(), "end");
  stream.close(constants.NGHTTP2_CANCEL);
  await expect.poll(() => library.lines.find(({ msg }) => msg === "request")).toMatchObject({ status: 413 });
});

test("a new certificate is taken over, and one that cannot be used is not", async () => {
  using authority = await testAuthority();
  const files = authority.write(await authority.issue("spiffe://heddle.local/first"));
  const taken = Promise.withResolvers<{ cert?: unknown }>();
  const server = { setSecureContext: (context: { cert?: unknown }) => taken.resolve(context) };
  const end = followCertificate(server, files, { log: silentLogger(), intervalMs: 5 });
  writeFileSync(files.key, "no key");
  const next = await authority.issue("spiffe://heddle.local/second");
  authority.write(next);
  expect((await taken.promise).cert).toBe(next.own?.chain);
  end();
});

test("certificate files that do not belong together stop the start", async () => {
  using authority = await testAuthority();
  const tls = authority.write(await authority.issue("spiffe://heddle.local/edge"));
  writeFileSync(tls.key, (await authority.issue("spiffe://heddle.local/edge")).own?.key ?? "");
  await expect(startLibrary({ config: { tls } })).rejects.toThrow("GATEWAY_TLS_KEY");
});

test("stopping tells HTTP/2 clients, lets a running call end, and ends the connection", async () => {
  const called = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  await using library = await startLibrary({
    unary: async () => {
      called.resolve();
      await go.promise;
      return {};
    },
  });
  using client = openHttp2(library.url);
  const running = client.ask({ ":path": book });
  await called.promise;
  const told = once(client.session, "goaway");
  const stopped = library.edge.stop();
  expect((await told)[0]).toBe(constants.NGHTTP2_NO_ERROR);
  go.resolve();
  expect((await running).headers[":status"]).toBe(200);
  await stopped;
  await expect.poll(() => client.session.closed).toBe(true);
});

test("headers beyond the limit are refused in both versions", async () => {
  await using library = await startLibrary();
  const long = "x".repeat(20 * 1024);
  expect((await call(library.url, `GET ${book}`, { headers: { "x-long": long } })).status).toBe(431);
  using client = openHttp2(library.url);
  expect((await client.ask({ ":path": book, "x-long": long })).headers[":status"]).toBe(431);
  expect((await client.ask({ ":path": `${book}?language=${"x".repeat(9 * 1024)}` })).headers[":status"]).toBe(414);
  expect((await call(library.url, "GET /healthz")).status).toBe(200);
});

test("a call that is answered early is over, though its client goes on sending", async () => {
  await using library = await startLibrary();
  using client = openHttp2(library.url);
  const path = "/test.library.v1.Library/CountBooks";
  const headers = { ":method": "POST", ":path": path, "content-type": "application/connect+json" };
  const stream = client.session.request(headers);
  // No message has such flags.
  stream.write(Buffer.from([9, 0, 0, 0, 0]));
  stream.resume();
  await once(stream, "close");
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  await expect
    .poll(() => library.lines.find(({ msg }) => msg === "request"))
    .toMatchObject({ code: "InvalidArgument" });
});

test("a client that opens and resets calls without end is cut off", async () => {
  await using library = await startLibrary();
  using client = openHttp2(library.url);
  const [code] = await new Promise<number[]>((resolve) => {
    client.session.on("goaway", (...told: number[]) => resolve(told));
    const flood = () => {
      for (let each = 0; each < 200 && !client.session.destroyed && !client.session.closed; each++) {
        const stream = client.session.request({ ":path": book });
        stream.on("error", () => undefined);
        stream.close(constants.NGHTTP2_CANCEL);
      }
      if (!client.session.destroyed && !client.session.closed) setImmediate(flood);
    };
    flood();
  });
  expect(code).not.toBe(constants.NGHTTP2_NO_ERROR);
  expect((await call(library.url, "GET /healthz")).status).toBe(200);
});

async function openSocket(url: string): Promise<Socket> {
  const { port, hostname } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, noDelay: true });
  await once(socket, "connect");
  return socket;
}

/** Resolves when the bytes were given to the system and the server had a turn. */
async function write(socket: Socket, text: string): Promise<void> {
  await new Promise((resolve) => socket.write(text, resolve));
  await new Promise(setImmediate);
}

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.on("close", resolve));
  return Buffer.concat(chunks).toString();
}
