import { type IncomingMessage, request } from "node:http";
import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import { type DescMessage, fromJson, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { Library, startLibrary } from "../library.fixture.ts";
import { chooseEncoding } from "./compression.ts";

const ada = { authorization: "Bearer ada:customer" };
const long = "long ".repeat(1_000);
const getBook = methodOf("getBook", "unary");
const watchBook = methodOf("watchBook", "server_streaming");
const codings = {
  gzip: [gzipSync, gunzipSync],
  br: [brotliCompressSync, brotliDecompressSync],
  zstd: [zstdCompressSync, zstdDecompressSync],
  deflate: [deflateSync, inflateSync],
} as const;

test.each([
  ["gzip", "gzip"],
  ["gzip;q=0.5, br", "br"],
  ["gzip;q=0.5, br;q=0.4", "gzip"],
  ["br;q=0, gzip", "gzip"],
  ["*", "zstd"],
  ["*;q=0.1, br;q=0", "zstd"],
  ["GZIP", "gzip"],
  ["identity;q=1, gzip;q=0.5", undefined],
  ["identity, gzip", "gzip"],
  ["gzip;q=0", undefined],
  ["gzip;q=2", undefined],
  ["compress", undefined],
  ["", undefined],
])("Accept-Encoding: %s chooses %s", (accept, expected) => {
  expect(chooseEncoding(accept)?.name).toBe(expected);
});

describe.each(Object.entries(codings))("%s", (name, [compress, inflate]) => {
  test("what follows the compressed data is never passed over", async () => {
    await using library = await startLibrary({ unary: async ({ book }) => ({ book: { ...Object(book) } }) });
    const body = compress('{"book":{"title":"packed"}}');
    for (const more of [Buffer.from("more"), Buffer.alloc(1), compress(' {"book":{}}')]) {
      for (const path of ["/v1/books", "/test.library.v1.Library/CreateBook"]) {
        const answer = await post(`${library.url}${path}`, Buffer.concat([body, more]), { "content-encoding": name });
        expect([path, answer.status]).toEqual([path, 400]);
      }
    }
  });

  test("bodies are taken and answers given by REST and Connect", async () => {
    await using library = await startLibrary({
      unary: async ({ book }) => ({ book: { ...Object(book), tags: [long] } }),
    });
    for (const path of ["/v1/books", "/test.library.v1.Library/CreateBook"]) {
      const answer = await post(`${library.url}${path}`, compress(JSON.stringify({ book: { title: "packed" } })), {
        "content-encoding": name,
        "accept-encoding": name,
      });
      expect([path, answer.status, answer.headers["content-encoding"]]).toEqual([path, 200, name]);
      expect(answer.headers.vary).toContain("Accept-Encoding");
      expect(JSON.parse(inflate(answer.bytes).toString())).toMatchObject({ book: { title: "packed", tags: [long] } });
    }
  });
});

test("a small answer is not compressed, nor one for a client that does not take it", async () => {
  await using library = await startLibrary();
  const small = await post(`${library.url}/v1/books`, "{}", { "accept-encoding": "gzip" });
  expect([small.status, small.headers["content-encoding"]]).toEqual([200, undefined]);
});

test("an encoding that is not known is refused with those that are", async () => {
  await using library = await startLibrary();
  const headers = { "content-encoding": "compress" };
  const rest = await post(`${library.url}/v1/books`, "x", headers);
  expect([rest.status, rest.headers["accept-encoding"]]).toEqual([415, "zstd, br, gzip, deflate"]);
  const rpc = await post(`${library.url}/test.library.v1.Library/CreateBook`, "x", headers);
  expect([rpc.status, JSON.parse(String(rpc.bytes))]).toEqual([
    501,
    { code: "unimplemented", message: expect.stringContaining("zstd, br, gzip, deflate") },
  ]);
});

test("a body that is not what it says is 400; an empty one is empty whatever it says", async () => {
  await using library = await startLibrary();
  for (const path of ["/v1/books", "/test.library.v1.Library/CreateBook"]) {
    const headers = { "content-encoding": "gzip" };
    expect((await post(`${library.url}${path}`, "no gzip", headers)).status).toBe(400);
  }
  const empty = { "content-encoding": "gzip", "content-type": "application/proto" };
  expect((await post(`${library.url}/test.library.v1.Library/CreateBook`, "", empty)).status).toBe(200);
});

test("a bomb is refused before it is whole", async () => {
  await using library = await startLibrary({ config: { maxBodyBytes: 10_000 } });
  for (const [name, [compress]] of Object.entries(codings)) {
    const bomb = compress(Buffer.alloc(5_000_000));
    const headers = { "content-encoding": name };
    expect((await post(`${library.url}/v1/books`, bomb, headers)).status).toBe(413);
    expect((await post(`${library.url}/test.library.v1.Library/CreateBook`, bomb, headers)).status).toBe(429);
  }
});

describe.each([compressionGzip, compressionBrotli])("$name", (compression) => {
  const packed = { sendCompression: compression, acceptCompression: [compression], compressMinBytes: 1 };

  test("messages of Connect, gRPC-Web and gRPC are taken and given compressed", async () => {
    await using library = await startLibrary({ unary: async ({ id = "" }) => ({ book: { id, title: long } }) });
    for (const transport of [
      createConnectTransport({ ...packed, baseUrl: library.url, httpVersion: "1.1" }),
      createGrpcWebTransport({ ...packed, baseUrl: library.url, httpVersion: "1.1" }),
      createGrpcTransport({ ...packed, baseUrl: library.url }),
    ]) {
      const { message } = await transport.unary(getBook, undefined, undefined, {}, asked(getBook));
      expect(toJson(getBook.output, message)).toMatchObject({ book: { id: long, title: long } });
      const books = await transport.stream(watchBook, undefined, undefined, {}, single(watchBook));
      const ids = (await Array.fromAsync(books.message)).map((book) => toJson(watchBook.output, book));
      expect(ids).toMatchObject([{ id: long }, { id: long }]);
    }
  });
});

test("an encoding that is not known is unimplemented in gRPC", async () => {
  await using library = await startLibrary();
  const odd = { ...compressionGzip, name: "odd" };
  const packed = { sendCompression: odd, acceptCompression: [odd], compressMinBytes: 1 };
  const transport = createGrpcTransport({ ...packed, baseUrl: library.url });
  const error = await transport
    .unary(getBook, undefined, undefined, {}, asked(getBook))
    .then(() => expect.fail(), ConnectError.from);
  expect([error.code, error.rawMessage]).toEqual([Code.Unimplemented, expect.stringContaining("zstd, br, gzip")]);
});

function methodOf<K extends "unary" | "server_streaming">(name: string, methodKind: K) {
  const method = Library.method[name];
  if (method === undefined) throw new Error(`no method ${name}`);
  return { ...method, methodKind } as const;
}

function asked({ input }: { readonly input: DescMessage }) {
  return fromJson(input, { id: long });
}

async function* single(method: { readonly input: DescMessage }) {
  yield asked(method);
}

async function post(url: string, body: string | Buffer, headers: Record<string, string>) {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const type = { "content-type": "application/json" };
  request(url, { method: "POST", headers: { ...type, ...ada, ...headers }, agent: false }, resolve)
    .on("error", reject)
    .end(body);
  const response = await promise;
  const bytes = Buffer.concat(await Array.fromAsync(response));
  return { status: response.statusCode, headers: response.headers, bytes };
}
