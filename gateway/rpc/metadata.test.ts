import type { OutgoingHttpHeaders } from "node:http";
import { createServer, type ServerHttp2Session } from "node:http2";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import type { RpcContext } from "#mesh/rpc";
import { call, Library, type LibraryHandler, startLibrary } from "../library.fixture.ts";

const rpc = "/test.library.v1.Library";
/** The frame of an empty one. */
const noMessage = Buffer.alloc(5);
const binary = Buffer.from([0, 1, 254, 255]);

const transports: [name: string, open: (baseUrl: string) => Transport][] = [
  ["Connect", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
];

/** Says more than a service may say. */
const talkative: LibraryHandler = async (_, { responseHeader, responseTrailer }) => {
  responseHeader.set("x-shelf", "4");
  responseHeader.set("access-control-allow-origin", "*");
  responseHeader.set("heddle-secret", "1");
  responseTrailer.set("x-pages", "300");
  responseTrailer.set("cover-bin", binary.toString("base64"));
  return {};
};

describe.each(transports)("%s", (_, open) => {
  test("headers and trailers of a service reach the client, without those that are not its to say", async () => {
    await using library = await startLibrary({ unary: talkative });
    const { header, trailer } = await askWith(open(library.url));
    expect([header.get("x-shelf"), header.get("access-control-allow-origin"), header.get("heddle-secret")]).toEqual([
      "4",
      null,
      null,
    ]);
    expect(trailer.get("x-pages")).toBe("300");
    expect(Buffer.from(trailer.get("cover-bin") ?? "", "base64")).toEqual(binary);
  });

  test("those of an error reach it, too", async () => {
    await using library = await startLibrary({
      async unary(_request, { responseTrailer }) {
        responseTrailer.set("x-pages", "300");
        throw new ConnectError("no", Code.NotFound);
      },
    });
    const error = await askWith(open(library.url)).then(() => expect.fail(), ConnectError.from);
    expect([error.code, error.metadata.get("x-pages")]).toEqual([Code.NotFound, "300"]);
  });

  test("only what is listed is shown and passed on", async () => {
    const seen: RpcContext[] = [];
    await using library = await startLibrary({
      unary: (request, context) => {
        seen.push(context);
        return talkative(request, context);
      },
      config: { metadata: { forwardHeaders: ["x-app-*", "cover-bin"], showMetadata: ["x-shelf"] } },
    });
    const headers = {
      "x-app-version": "7",
      "x-other": "1",
      "cover-bin": binary.toString("base64"),
      "heddle-service": "shop.order",
      "accept-language": "de",
    };
    const { header, trailer } = await askWith(open(library.url), headers);
    expect([header.get("x-shelf"), trailer.get("x-pages")]).toEqual(["4", null]);
    const got = seen[0]?.requestHeader;
    expect([got?.get("x-app-version"), got?.get("x-other"), got?.get("accept-language")]).toEqual(["7", null, null]);
    expect(Buffer.from(got?.get("cover-bin") ?? "", "base64")).toEqual(binary);
    expect(seen[0]?.caller.service).toBe("gateway");
  });
});

test("with every header listed, those of the protocols, of one hop and of the mesh stay behind", async () => {
  let seen: Headers | undefined;
  await using library = await startLibrary({
    async unary(_, { requestHeader }) {
      seen = requestHeader;
      return {};
    },
    config: { metadata: { forwardHeaders: ["*"], showMetadata: [] } },
  });
  const headers = {
    connection: "x-hop",
    "x-hop": "1",
    "x-mine": "ü",
    "grpc-previous-rpc-attempts": "3",
    "heddle-service": "shop.order",
    "proxy-authorization": "secret",
    "x-forwarded-for": "192.0.2.1",
    te: "trailers",
  };
  await call(library.url, "GET /v1/books/7", { headers });
  expect(seen?.get("x-mine")).toBeTruthy();
  expect(["x-hop", "grpc-previous-rpc-attempts", "proxy-authorization", "te"].map((name) => seen?.get(name))).toEqual([
    null,
    null,
    null,
    null,
  ]);
  expect(seen?.get("x-forwarded-for")).toBe("192.0.2.1, 127.0.0.1");
});

test("REST has metadata as plain headers, also with an error", async () => {
  await using library = await startLibrary({ unary: talkative });
  const { headers } = await call(library.url, "GET /v1/books/7");
  expect([headers["x-shelf"], headers["x-pages"], headers["access-control-allow-origin"]]).toEqual([
    "4",
    "300",
    undefined,
  ]);
});

test("trailers of a unary call of Connect are headers that say so", async () => {
  await using library = await startLibrary({ unary: talkative });
  const { headers } = await call(library.url, `POST ${rpc}/GetBook`, { body: "{}" });
  expect([headers["x-shelf"], headers["trailer-x-pages"]]).toEqual(["4", "300"]);
});

test.each(["GET /v1/books/7", `POST ${rpc}/GetBook`])(
  "%s fails over metadata that HTTP cannot carry",
  async (target) => {
    await using odd = await startOdd({ "grpc-status": "0", "x-shelf": "4\u0001" });
    await using library = await startLibrary({ services: [{ service: Library, address: odd.address, server: "odd" }] });
    const { status, headers } = await call(library.url, target, target.startsWith("POST") ? { body: "{}" } : {});
    expect([status, headers["x-shelf"] ?? headers["trailer-x-shelf"]]).toEqual([500, undefined]);
  },
);

/** A server of gRPC by another hand, whose answers are empty and end with any trailers. */
async function startOdd(trailers: OutgoingHttpHeaders) {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(noMessage);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    address: typeof address === "object" ? `127.0.0.1:${address?.port}` : "",
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

async function askWith(transport: Transport, headers: Record<string, string> = {}) {
  const getBook = Library.method.getBook;
  if (getBook === undefined) throw new Error("the library has no books");
  return transport.unary({ ...getBook, methodKind: "unary" }, undefined, undefined, headers, create(getBook.input));
}
