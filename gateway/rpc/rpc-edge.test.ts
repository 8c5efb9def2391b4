import { fromJson, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { testAuthority } from "#mesh/testing";
import { call, Library, type LibraryOptions, startLibrary } from "../library.fixture.ts";

const ada = { authorization: "Bearer ada:customer" };
const rpc = "/test.library.v1.Library";

type Open = (baseUrl: string) => Transport;

const http1 = (baseUrl: string) => ({ baseUrl, httpVersion: "1.1" }) as const;
const http2 = (baseUrl: string) => {
  return { baseUrl, httpVersion: "2", nodeOptions: { rejectUnauthorized: false } } as const;
};

const plaintext: [name: string, open: Open][] = [
  ["Connect with JSON", (url) => createConnectTransport(http1(url))],
  ["Connect with proto", (url) => createConnectTransport({ ...http1(url), useBinaryFormat: true })],
  ["Connect by GET", (url) => createConnectTransport({ ...http1(url), useHttpGet: true })],
  ["gRPC-Web", (url) => createGrpcWebTransport(http1(url))],
  ["gRPC-Web with JSON", (url) => createGrpcWebTransport({ ...http1(url), useBinaryFormat: false })],
  ["Connect with JSON over HTTP/2", (url) => createConnectTransport(http2(url))],
  ["Connect with proto over HTTP/2", (url) => createConnectTransport({ ...http2(url), useBinaryFormat: true })],
  ["gRPC-Web over HTTP/2", (url) => createGrpcWebTransport(http2(url))],
  ["gRPC", (url) => createGrpcTransport(http2(url))],
  ["gRPC with JSON", (url) => createGrpcTransport({ ...http2(url), useBinaryFormat: false })],
];
const overTls: [name: string, open: Open][] = [
  ["Connect over TLS", (url) => createConnectTransport(http2(url))],
  ["Connect over TLS and HTTP/1.1", (url) => createConnectTransport({ ...http2(url), httpVersion: "1.1" })],
  ["gRPC-Web over TLS", (url) => createGrpcWebTransport(http2(url))],
  ["gRPC over TLS", (url) => createGrpcTransport(http2(url))],
];
const authority = await testAuthority();
const tls = authority.write(await authority.issue("spiffe://heddle.local/edge"));
afterAll(() => authority[Symbol.dispose]());

const protocols = [
  ...plaintext.map(([name, open]) => [name, open, startLibrary] as const),
  ...overTls.map(
    ([name, open]) =>
      [name, open, (options: LibraryOptions = {}) => startLibrary({ ...options, config: { tls } })] as const,
  ),
];

describe.each(protocols)("%s", (_name, open, startLibrary) => {
  test("a unary call", async () => {
    await using library = await startLibrary();
    expect(await unary(open(library.url), "getBook", { id: "7" })).toMatchObject({
      book: { id: "7", title: "echo", copies: "9007199254740993" },
    });
  });

  test("a server stream", async () => {
    await using library = await startLibrary();
    const books = await Array.fromAsync(watch(open(library.url), "7"));
    expect(books.map(titleOf)).toEqual(["first", "second"]);
  });

  test("errors keep code, message and details", async () => {
    await using library = await startLibrary({ unary: () => Promise.reject(goneError()), watch: failingStream });
    for (const attempt of [
      () => unary(open(library.url), "getBook", { id: "7" }),
      () => Array.fromAsync(watch(open(library.url), "7")),
    ]) {
      const error = ConnectError.from(await attempt().catch((thrown: unknown) => thrown));
      expect([error.code, error.rawMessage]).toEqual([Code.NotFound, "gone: “7” 100%"]);
      expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "BOOK_GONE", metadata: { id: "7" } }]);
    }
  });

  test("an error's message keeps the spaces around it", async () => {
    for (const message of [" ", "  gone  ", " gone: “7” "]) {
      await using library = await startLibrary({
        unary: () => Promise.reject(new ConnectError(message, Code.NotFound)),
      });
      const error = await unary(open(library.url), "getBook", { id: "7" }).then(() => expect.fail(), ConnectError.from);
      expect(error.rawMessage).toBe(message);
    }
  });

  test("who is not signed in, or lacks a role, is refused", async () => {
    await using library = await startLibrary();
    const refusals = [
      await unary(open(library.url), "createBook", {}).catch(codeOf),
      await unary(open(library.url), "deleteBook", {}, ada).catch(codeOf),
      await unary(open(library.url), "getBook", {}, { authorization: "Bearer bad" }).catch(codeOf),
    ];
    expect(refusals).toEqual([Code.Unauthenticated, Code.PermissionDenied, Code.Unauthenticated]);
    expect(await unary(open(library.url), "createBook", { book: { id: "1" } }, ada)).toMatchObject({
      book: { id: "1" },
    });
  });

  test("a method that only services may call is unknown", async () => {
    await using library = await startLibrary();
    expect(await unary(open(library.url), "reindex", {}, ada).catch(codeOf)).toBe(Code.Unimplemented);
  });

  test("a client that leaves cancels the call to the service", async () => {
    const called = Promise.withResolvers<AbortSignal>();
    await using library = await startLibrary({
      unary: (_, { signal }) => {
        called.resolve(signal);
        return new Promise(() => undefined);
      },
    });
    const leaving = new AbortController();
    const left = unary(open(library.url), "getBook", {}, {}, leaving.signal).catch(codeOf);
    const signal = await called.promise;
    leaving.abort();
    expect(await left).toBe(Code.Canceled);
    await expect.poll(() => signal.aborted).toBe(true);
  });

  test("the client's deadline reaches the service", async () => {
    await using library = await startLibrary({ unary: () => new Promise(() => undefined) });
    const request = messageOf("getBook", {});
    const late = open(library.url).unary(methodOf("getBook"), undefined, 100, {}, request);
    expect(await late.catch(codeOf)).toBe(Code.DeadlineExceeded);
  });
});

test("streams of requests by Connect", async () => {
  await using library = await startLibrary();
  const transport = createConnectTransport({ baseUrl: library.url, httpVersion: "1.1" });
  async function* books() {
    for (const id of ["1", "2", "3"]) yield fromJson(methodOf("countBooks").input, { id });
  }
  const counted = await transport.stream(streamOf("countBooks"), undefined, undefined, {}, books());
  const [answer] = await Array.fromAsync(counted.message);
  expect(answer && toJson(methodOf("countBooks").output, answer)).toEqual({ book: { copies: "3" } });
  // Connect has a conversation on HTTP/2 only.
  const headers = { "content-type": "application/connect+json" };
  expect((await call(library.url, `POST ${rpc}/Discuss`, { headers, body: "" })).status).toBe(505);
});

test("plain HTTP sees why an rpc was refused", async () => {
  await using library = await startLibrary();
  const get = await call(library.url, `GET ${rpc}/CreateBook`);
  expect([get.status, get.headers.allow]).toEqual([405, "OPTIONS, POST"]);
  const text = await call(library.url, `POST ${rpc}/CreateBook`, {
    headers: { "content-type": "text/plain" },
    body: "x",
  });
  expect([text.status, text.headers["accept-post"]]).toEqual([415, expect.stringContaining("application/json")]);
  const stream = await call(library.url, `POST ${rpc}/WatchBook`, { body: "{}" });
  expect([stream.status, stream.headers["accept-post"]]).toEqual([415, expect.stringContaining("connect+json")]);
  const grpc = { headers: { "content-type": "application/grpc" }, body: "x" };
  const refused = await call(library.url, `POST ${rpc}/GetBook`, grpc);
  expect([refused.status, refused.text]).toEqual([505, expect.stringContaining("gRPC needs HTTP/2")]);
  const stranger = await call(library.url, `POST ${rpc}/CreateBook`, { body: "{}" });
  expect([stranger.status, stranger.headers["www-authenticate"]]).toEqual([401, "Bearer"]);
});

test("JSON that nests deeper than any message is refused before it is parsed", async () => {
  await using library = await startLibrary();
  const nested = (levels: number) => ({ body: `{"unknown":${"[".repeat(levels)}${"]".repeat(levels)}}` });
  const refused = await call(library.url, `POST ${rpc}/GetBook`, nested(300));
  const { code, message } = JSON.parse(refused.text);
  expect([refused.status, code]).toEqual([400, "invalid_argument"]);
  expect(message).toBe("the JSON nests deeper than 300 levels");
  expect((await call(library.url, `POST ${rpc}/GetBook`, nested(299))).text).not.toContain("nests");
});

test("a message above the limit is refused", async () => {
  await using library = await startLibrary({ config: { maxBodyBytes: 2_000 } });
  const transport = createConnectTransport({ baseUrl: library.url, httpVersion: "1.1", useBinaryFormat: true });
  const big = { book: { title: "x".repeat(3_000) } };
  expect(await unary(transport, "createBook", big, ada).catch(codeOf)).toBe(Code.ResourceExhausted);
});

test("a timeout beyond any timer does not end the call at once", async () => {
  await using library = await startLibrary();
  const headers = { "connect-timeout-ms": "9999999999" };
  const answer = await call(library.url, `POST ${rpc}/GetBook`, { headers, body: '{"id":"7"}' });
  expect([answer.status, answer.headers["x-request-id"]]).toEqual([200, expect.any(String)]);
});

test("the dynamic client of Connect works", async () => {
  await using library = await startLibrary();
  const client = createClient(Library, createConnectTransport({ baseUrl: library.url, httpVersion: "1.1" }));
  expect(Object.keys(client)).toContain("getBook");
});

function methodOf(name: string) {
  const method = Library.method[name];
  if (method === undefined) throw new Error(`no method ${name}`);
  return { ...method, methodKind: "unary" } as const;
}

function streamOf(name: "watchBook" | "countBooks") {
  const kinds = { watchBook: "server_streaming", countBooks: "client_streaming" } as const;
  return { ...methodOf(name), methodKind: kinds[name] };
}

function messageOf(name: string, json: JsonValue): Message {
  return fromJson(methodOf(name).input, json);
}

// biome-ignore lint/complexity/useMaxParams: what a call of Connect consists of
async function unary(
  transport: Transport,
  name: string,
  json: JsonValue,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<JsonValue> {
  const method = methodOf(name);
  const answer = await transport.unary(method, signal, undefined, headers, messageOf(name, json));
  return toJson(method.output, answer.message);
}

async function* watch(transport: Transport, id: string): AsyncIterable<JsonValue> {
  async function* requests() {
    yield messageOf("watchBook", { id });
  }
  const answer = await transport.stream(streamOf("watchBook"), undefined, undefined, {}, requests());
  for await (const book of answer.message) yield toJson(methodOf("watchBook").output, book);
}

function titleOf(book: JsonValue): unknown {
  return typeof book === "object" && book !== null && "title" in book ? book.title : undefined;
}

function codeOf(thrown: unknown): Code {
  return ConnectError.from(thrown).code;
}

function goneError(): ConnectError {
  const error = new ConnectError("gone: “7” 100%", Code.NotFound);
  const info = { reason: "BOOK_GONE", domain: "test.library", metadata: { id: "7" } };
  error.details.push({ desc: ErrorInfoSchema, value: info });
  return error;
}

async function* failingStream(): AsyncIterable<{ title: string }> {
  yield { title: "first" };
  throw goneError();
}
