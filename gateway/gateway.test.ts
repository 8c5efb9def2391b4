import { Agent, get } from "node:http";
import { connect } from "node:net";
import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "#gen/google/rpc/status_pb.ts";
import type { RpcContext } from "#mesh/rpc";
import { freePort } from "#mesh/testing";
import { gateway } from "./gateway.ts";
import { call, Library, plainTokens, startLibrary, testConfig } from "./library.fixture.ts";

const ada = { authorization: "Bearer ada:customer" };
const admin = { authorization: "Bearer root:admin" };

test("a path variable and query parameters reach the service, and its answer comes back with defaults", async () => {
  const seen: unknown[] = [];
  await using library = await startLibrary({
    unary: async (request) => {
      seen.push(request);
      return { book: { id: "a/b", copies: "9007199254740993" } };
    },
  });
  const answer = await call(library.url, "GET /v1/books/a%2Fb?language=en+GB&revision=2");
  expect(seen).toEqual([{ id: "a/b", language: "en GB", revision: 2 }]);
  expect(answer.status).toBe(200);
  expect(answer.headers["content-type"]).toBe("application/json");
  expect(answer.json()).toEqual({ book: { id: "a/b", title: "", copies: "9007199254740993", tags: [] } });
});

test("a body, a response_body and the mask of a PATCH", async () => {
  const seen: unknown[] = [];
  await using library = await startLibrary({
    unary: async (request) => {
      seen.push(request);
      return { book: { id: "7", title: "t" } };
    },
  });
  await call(library.url, "POST /v1/books", { headers: ada, body: '{"book":{"title":"t"},"draft":true}' });
  const patched = await call(library.url, "PATCH /v1/books/7", { headers: ada, body: '{"title":"t","id":"7"}' });
  expect(seen).toEqual([
    { book: { title: "t" }, draft: true },
    { book: { id: "7", title: "t" }, updateMask: "title" },
  ]);
  expect(patched.json()).toEqual({ id: "7", title: "t", copies: "0", tags: [] });
});

test("HEAD is answered like GET without a body, OPTIONS with what a path allows", async () => {
  await using library = await startLibrary();
  const head = await call(library.url, "HEAD /v1/books/7");
  expect([head.status, head.text, Number(head.headers["content-length"]) > 0]).toEqual([200, "", true]);
  const options = await call(library.url, "OPTIONS /v1/books/7");
  expect([options.status, options.headers.allow, options.text]).toEqual([204, "DELETE, GET, HEAD, OPTIONS, PATCH", ""]);
  expect((await call(library.url, "OPTIONS /nothing")).status).toBe(404);
});

test("404 for no route, 405 with Allow for the wrong method, both as google.rpc.Status", async () => {
  await using library = await startLibrary();
  const missing = await call(library.url, "GET /v2/books");
  expect([missing.status, missing.json()]).toEqual([404, { code: 5, message: expect.any(String), details: [] }]);
  const wrong = await call(library.url, "PUT /v1/books", { body: "{}" });
  expect([wrong.status, wrong.headers.allow]).toEqual([405, "OPTIONS, POST"]);
  expect(wrong.json()).toMatchObject({ code: 12, details: [] });
});

test("a method that only services may call is not there", async () => {
  await using library = await startLibrary();
  const path = "/test.library.v1.Library/Reindex";
  expect((await call(library.url, `POST ${path}`, { headers: admin, body: "{}" })).status).toBe(404);
});

test("bad JSON is refused with 400 and names the field", async () => {
  await using library = await startLibrary();
  const answer = await call(library.url, "POST /v1/books", { headers: ada, body: '{"book":{"tags":["a",5]}}' });
  expect(answer.status).toBe(400);
  expect(answer.json()).toMatchObject({
    code: 3,
    details: [
      {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        fieldViolations: [{ field: "book.tags[1]", description: expect.stringMatching(/^body: .*expected string/) }],
      },
    ],
  });
});

test("an unknown query parameter is refused with the nearest name", async () => {
  await using library = await startLibrary();
  const answer = await call(library.url, "GET /v1/books/7?langage=en");
  expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('did you mean \\"language\\"?')]);
});

test("what is not JSON is refused with 415", async () => {
  await using library = await startLibrary();
  const types = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "application/jsonx",
  ];
  for (const type of types) {
    const answer = await call(library.url, "POST /v1/books", { headers: { ...ada, "content-type": type }, body: "{}" });
    expect([type, answer.status, answer.headers["accept-post"]]).toEqual([type, 415, "application/json"]);
  }
  const good = { ...ada, "content-type": 'application/json; charset="UTF-8"' };
  expect((await call(library.url, "POST /v1/books", { headers: good, body: "{}" })).status).toBe(200);
});

test("a body that announces too much is refused with 413 before a byte of it is read", async () => {
  await using library = await startLibrary({ config: { maxBodyBytes: 2_000 } });
  const answer = await exchangeRaw(
    library.url,
    `POST /v1/books HTTP/1.1\r\nHost: x\r\nAuthorization: ${ada.authorization}\r\nContent-Type: application/json\r\nContent-Length: 2001\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toContain('"code":8');
});

test("a body that grows too large on the way is refused with 413", async () => {
  await using library = await startLibrary({ config: { maxBodyBytes: 2_000 } });
  const chunk = `3e8\r\n${"x".repeat(1_000)}\r\n`;
  const answer = await exchangeRaw(
    library.url,
    `POST /v1/books HTTP/1.1\r\nHost: x\r\nAuthorization: ${ada.authorization}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(3)}`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
});

test("a client that sends on and on after its refusal is cut off, and has seen the refusal", async () => {
  await using library = await startLibrary({ config: { maxBodyBytes: 2_000 } });
  const { port, hostname } = new URL(library.url);
  const socket = connect(Number(port), hostname);
  let received = "";
  let sent = 0;
  const closed = Promise.withResolvers<void>();
  socket.on("data", (data) => {
    received += data;
  });
  socket.on("error", () => closed.resolve());
  socket.on("close", () => closed.resolve());
  socket.write(
    `POST /v1/books HTTP/1.1\r\nHost: x\r\nAuthorization: ${ada.authorization}\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n`,
  );
  const chunk = Buffer.alloc(64 * 1024);
  const pour = () => {
    while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
    sent += chunk.length;
    if (!socket.destroyed) socket.once("drain", pour);
  };
  pour();
  await closed.promise;
  expect(received).toMatch(/^HTTP\/1\.1 413 /);
  expect(sent).toBeLessThan(100_000_000);
});

test("the token is checked before the body is read", async () => {
  await using library = await startLibrary();
  const head = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n";
  expect(await exchangeRaw(library.url, `POST /v1/books HTTP/1.1\r\n${head}\r\n`)).toMatch(/^HTTP\/1\.1 401 /);
  const bad = await exchangeRaw(library.url, `POST /v1/books HTTP/1.1\r\n${head}Authorization: Bearer bad\r\n\r\n`);
  expect(bad).toMatch(/^HTTP\/1\.1 401 /);
  const rpc = await exchangeRaw(library.url, `POST /test.library.v1.Library/CreateBook HTTP/1.1\r\n${head}\r\n`);
  expect(rpc).toMatch(/^HTTP\/1\.1 401 /);
  expect(rpc).toContain('"code":"unauthenticated"');
});

test("a client that asks whether to send its body is told yes only when it may call", async () => {
  await using library = await startLibrary();
  const head = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n";
  expect(await exchangeRaw(library.url, `POST /v1/books HTTP/1.1\r\n${head}\r\n`)).toMatch(/^HTTP\/1\.1 401 /);
  const may = `POST /v1/books HTTP/1.1\r\n${head}Authorization: ${ada.authorization}\r\n\r\n`;
  expect(await exchangeRaw(library.url, may)).toBe("HTTP/1.1 100 Continue\r\n\r\n");
});

test("401 says how to sign in, 403 names the role", async () => {
  await using library = await startLibrary();
  const stranger = await call(library.url, "DELETE /v1/books/7");
  expect([stranger.status, stranger.headers["www-authenticate"]]).toEqual([401, "Bearer"]);
  const bad = await call(library.url, "GET /v1/books/7", { headers: { authorization: "Bearer bad" } });
  expect([bad.status, bad.headers["www-authenticate"]]).toEqual([401, 'Bearer error="invalid_token"']);
  const customer = await call(library.url, "DELETE /v1/books/7", { headers: ada });
  expect([customer.status, customer.text]).toEqual([403, expect.stringContaining("needs the role admin")]);
  expect((await call(library.url, "DELETE /v1/books/7", { headers: admin })).json()).toEqual({});
});

test("who calls, the trace and the request id go on; what only the mesh may say does not", async () => {
  let seen: RpcContext | undefined;
  await using library = await startLibrary({
    unary: async (_, context) => {
      seen = context;
      return {};
    },
  });
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const answer = await call(library.url, "GET /v1/books/7", {
    headers: {
      ...ada,
      "x-request-id": "from-the-client",
      traceparent: `00-${trace}-b7ad6b7169203331-01`,
      "accept-language": "de",
      "heddle-service": "shop.order",
      "grpc-previous-rpc-attempts": "3",
      "x-internal": "yes",
    },
  });
  expect(answer.headers["x-request-id"]).toBe("from-the-client");
  expect(seen?.caller).toEqual({ user: { id: "ada", roles: ["customer"] }, service: "gateway" });
  expect(seen?.trace.traceId).toBe(trace);
  const header = seen?.requestHeader;
  expect(header?.get("x-request-id")).toBe("from-the-client");
  expect(header?.get("accept-language")).toBe("de");
  expect([header?.get("grpc-previous-rpc-attempts"), header?.get("x-internal")]).toEqual([null, null]);
});

test("errors of services keep code, message and details", async () => {
  await using library = await startLibrary({
    unary: async () => {
      const error = new ConnectError("no such book: “7” 100%", Code.NotFound);
      error.details.push(
        { desc: ErrorInfoSchema, value: { reason: "BOOK_GONE", domain: "test.library", metadata: { id: "7" } } },
        { desc: RetryInfoSchema, value: { retryDelay: create(DurationSchema, { seconds: 1n, nanos: 1 }) } },
        { desc: StatusSchema, value: { code: 1 } },
      );
      throw error;
    },
  });
  const answer = await call(library.url, "GET /v1/books/7");
  expect(answer.status).toBe(404);
  expect(answer.headers["retry-after"]).toBe("2");
  expect(answer.json()).toEqual({
    code: 5,
    message: "no such book: “7” 100%",
    details: [
      {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        reason: "BOOK_GONE",
        domain: "test.library",
        metadata: { id: "7" },
      },
      { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.000000001s" },
      // Not known to the gateway: it keeps its bytes.
      { "@type": "type.googleapis.com/google.rpc.Status", value: "CAE=" },
    ],
  });
});

test("every code has its status", async () => {
  let code = Code.Unknown;
  await using library = await startLibrary({
    unary: async () => {
      throw new ConnectError("no", code);
    },
  });
  const expected = {
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
  };
  const got: Record<number, number> = {};
  for (code = Code.Canceled; code <= Code.Unauthenticated; code++) {
    got[code] = (await call(library.url, "GET /v1/books/7")).status;
  }
  expect(got).toEqual(expected);
});

test("a service that is away is 503, and /readyz names it", async () => {
  const address = `127.0.0.1:${await freePort()}`;
  await using library = await startLibrary({ services: [{ service: Library, address, server: "test.library" }] });
  const answer = await call(library.url, "GET /v1/books/7");
  expect([answer.status, answer.json()]).toEqual([503, expect.objectContaining({ code: 14 })]);
  expect((await call(library.url, "GET /healthz")).json()).toEqual({ status: "ok" });
  const ready = await call(library.url, "GET /readyz");
  expect(ready.status).toBe(503);
  expect(ready.json()).toEqual({
    status: "not ready",
    missing: [{ service: "test.library.v1.Library", address, reason: expect.any(String) }],
  });
});

test("/readyz follows the health of the services", async () => {
  await using library = await startLibrary();
  expect((await call(library.url, "GET /readyz")).json()).toEqual({ status: "ready", missing: [] });
  library.server.setServing(false);
  expect((await call(library.url, "GET /readyz")).status).toBe(503);
});

test("the client's deadline is passed on and kept, in all spellings", async () => {
  const never = Promise.withResolvers<never>();
  const lefts: number[] = [];
  await using library = await startLibrary({
    unary: (_, { deadline }) => {
      lefts.push(deadline - Date.now());
      return never.promise;
    },
  });
  for (const [name, value] of [
    ["x-server-timeout", "0.05"],
    ["grpc-timeout", "50m"],
    ["connect-timeout-ms", "50"],
  ] as const) {
    expect((await call(library.url, "GET /v1/books/7", { headers: { [name]: value } })).status).toBe(504);
  }
  for (const left of lefts) expect(left).toBeLessThanOrEqual(50);
});

test("a deadline beyond any timer is clamped, a malformed one refused", async () => {
  const lefts: number[] = [];
  await using library = await startLibrary({
    unary: async (_, { deadline }) => {
      lefts.push(deadline - Date.now());
      return {};
    },
  });
  for (const [name, value] of [
    ["connect-timeout-ms", "9999999999"],
    ["grpc-timeout", "99999999H"],
  ] as const) {
    expect((await call(library.url, "GET /v1/books/7", { headers: { [name]: value } })).status).toBe(200);
  }
  for (const left of lefts) expect(left).toBeLessThanOrEqual(10_000);
  for (const [name, value] of [
    ["connect-timeout-ms", "1e3"],
    ["grpc-timeout", "5"],
    ["x-server-timeout", "-1"],
  ] as const) {
    expect((await call(library.url, "GET /v1/books/7", { headers: { [name]: value } })).status).toBe(400);
  }
});

test("a client that goes away cancels the call to the service", async () => {
  const called = Promise.withResolvers<AbortSignal>();
  await using library = await startLibrary({
    unary: (_, { signal }) => {
      called.resolve(signal);
      return new Promise(() => undefined);
    },
  });
  const leaving = new AbortController();
  const left = call(library.url, "GET /v1/books/7", { signal: leaving.signal });
  const signal = await called.promise;
  leaving.abort();
  await expect(left).rejects.toThrow();
  await expect.poll(() => signal.aborted).toBe(true);
  await expect.poll(() => library.lines.find(({ msg }) => msg === "request")).toMatchObject({ status: 499 });
});

test("a server stream is NDJSON", async () => {
  await using library = await startLibrary();
  const answer = await call(library.url, "GET /v1/books/7:watch");
  expect([answer.status, answer.headers["content-type"], answer.complete]).toEqual([200, "application/x-ndjson", true]);
  const titles = answer.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).title);
  expect(titles).toEqual(["first", "second"]);
});

test("a stream that fails at once has the error's status", async () => {
  await using library = await startLibrary({
    // biome-ignore lint/correctness/useYield: it fails before its first message
    async *watch() {
      throw new ConnectError("no such book", Code.NotFound);
    },
  });
  const answer = await call(library.url, "GET /v1/books/7:watch");
  expect([answer.status, answer.json()]).toEqual([404, { code: 5, message: "no such book", details: [] }]);
});

test("a stream that fails late shows the error and breaks off", async () => {
  await using library = await startLibrary({
    async *watch() {
      yield { title: "first" };
      throw new ConnectError("the book burned", Code.DataLoss);
    },
  });
  const answer = await call(library.url, "GET /v1/books/7:watch");
  expect([answer.status, answer.complete]).toEqual([200, false]);
  const [first, last] = answer.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(first).toMatchObject({ title: "first" });
  expect(last).toEqual({ error: { code: 15, message: "the book burned", details: [] } });
});

test("a client that leaves a stream ends it at the service", async () => {
  const ended = Promise.withResolvers<void>();
  const leaving = new AbortController();
  await using library = await startLibrary({
    async *watch(_, { signal }) {
      signal.addEventListener("abort", () => ended.resolve());
      yield { title: "first" };
      leaving.abort();
      await ended.promise;
    },
  });
  await call(library.url, "GET /v1/books/7:watch", { signal: leaving.signal }).catch(() => undefined);
  await ended.promise;
});

test("the access log has the template, never what people typed", async () => {
  await using library = await startLibrary();
  await call(library.url, "GET /v1/books/secret?language=secret");
  await call(library.url, "GET /secret");
  const requests = () => library.lines.filter(({ msg }) => msg === "request");
  await expect.poll(() => requests().length).toBe(2);
  expect(requests()).toMatchObject([
    {
      method: "GET",
      route: "/v1/books/{id}",
      status: 200,
      requestId: expect.any(String),
      upstreamMs: expect.any(Number),
    },
    { method: "GET", route: "none", status: 404, code: "NotFound" },
  ]);
  expect(JSON.stringify(library.lines)).not.toContain("secret");
});

test("requests that HTTP does not allow leave the process answering", async () => {
  await using library = await startLibrary();
  const rpc =
    "POST /test.library.v1.Library/GetBook HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
  expect(await exchangeRaw(library.url, rpc)).toMatch(/^HTTP\/1\.1 /);
  expect(await exchangeRaw(library.url, "GET http://other.example/v1/books/7 HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(
    /^HTTP\/1\.1 200 /,
  );
  expect(await exchangeRaw(library.url, "GET /v1/books/%zz HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
  expect(await exchangeRaw(library.url, "nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
  expect((await call(library.url, "GET /v1/books/7")).status).toBe(200);
});

test("stopping lets a running request end and takes no new ones", async () => {
  const called = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  await using library = await startLibrary({
    unary: async () => {
      called.resolve();
      await go.promise;
      return {};
    },
  });
  const running = call(library.url, "GET /v1/books/7");
  await called.promise;
  const { url } = library;
  const stopped = library.edge.stop();
  await expect(call(url, "GET /healthz")).rejects.toThrow();
  go.resolve();
  expect((await running).status).toBe(200);
  await stopped;
});

test("stopping says so for a while before it takes no new requests", async () => {
  await using library = await startLibrary({ config: { drainDelayMs: 3_000 } });
  const { url } = library;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const kept = () =>
    new Promise((resolve, reject) => {
      get(`${url}/healthz`, { agent }, (answer) => answer.resume().on("end", () => resolve(answer.statusCode))).on(
        "error",
        reject,
      );
    });
  expect(await kept()).toBe(200);
  const stopped = library.edge.stop();
  const ready = await call(url, "GET /readyz");
  expect([ready.status, ready.json()]).toMatchObject([503, { status: "stopping" }]);
  const late = await call(url, "GET /v1/books/7");
  expect([late.status, late.headers.connection]).toEqual([200, "close"]);
  // A connection that was kept open is not closed under a request that may be on its way.
  await call(url, "GET /healthz");
  const [connection] = Object.values(agent.freeSockets).flat();
  expect(connection?.readyState).toBe("open");
  expect(await kept()).toBe(200);
  await stopped;
  await expect(call(url, "GET /healthz")).rejects.toThrow();
});

test("an error that nobody expected is logged, and the client gets only the request's id", async () => {
  await using library = await startLibrary({ tokens: { verify: () => Promise.reject(new Error("the cause")) } });
  const headers = { ...ada, "x-request-id": "the-id" };
  const answer = await call(library.url, "GET /v1/books/7", { headers });
  expect([answer.status, answer.json()]).toEqual([
    500,
    { code: 13, message: "internal error (request the-id)", details: [] },
  ]);
  await expect
    .poll(() => library.lines.find(({ level }) => level === "error"))
    .toMatchObject({
      requestId: "the-id",
      status: 500,
      err: { message: "the cause" },
    });
});

test("a port in use is said plainly", async () => {
  await using library = await startLibrary();
  const port = Number(new URL(library.url).port);
  const services = [{ service: Library, address: "127.0.0.1:1", server: "test.library" }];
  const second = gateway({ config: testConfig({ port }), services, tokens: plainTokens });
  await expect(second.start()).rejects.toThrow(
    `Port ${port} on 127.0.0.1 is in use. Stop what uses it, or set GATEWAY_PORT`,
  );
});

test("a violation found by the service has the form of the gateway's own", async () => {
  await using library = await startLibrary({
    unary: async () => {
      const error = new ConnectError("bad id", Code.InvalidArgument);
      error.details.push({ desc: BadRequestSchema, value: { fieldViolations: [{ field: "id", description: "no" }] } });
      throw error;
    },
  });
  const answer = await call(library.url, "GET /v1/books/7");
  expect(answer.json()).toMatchObject({
    code: 3,
    details: [{ fieldViolations: [{ field: "id", description: "path: no" }] }],
  });
});

/** Sends bytes and returns the first thing that comes back. */
async function exchangeRaw(url: string, bytes: string): Promise<string> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    socket.write(bytes);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    socket.once("data", (data) => resolve(data.toString()));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without an answer")));
    return await promise;
  } finally {
    socket.destroy();
  }
}
