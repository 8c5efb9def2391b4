import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { type DescMessage, fromJson, type JsonObject, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { Audience } from "#gen/heddle/v1/policy_pb.ts";
import { readContract } from "#mesh/contract";
import { type AccessTokenVerifier, secretIdentity } from "#mesh/identity";
import { createRpcServer, type RpcContext, type RpcService } from "#mesh/rpc";
import { createLogger } from "#mesh/telemetry";
import { channelUnderTest, silentLogger } from "#mesh/testing";
import type { GatewayConfig } from "./config.ts";
import { type GatewayOptions, gateway } from "./gateway.ts";
import { defaultGuard } from "./guard/guard-config.ts";
import { defaultClientLimits } from "./http/client-limits.ts";
import { defaultRestConfig } from "./rest/rest-config.ts";
import { compileContract, serviceOf } from "./run-time-contract.fixture.ts";

const secret = "a secret that a library and its gateway share";
const everyone = { access: { audience: Audience.PUBLIC } };
const signedIn = { access: { audience: Audience.SIGNED_IN } };
const admins = { access: { roles: ["admin"] } };

const contract = compileContract(
  `
  syntax = "proto3";
  package test.library.v1;
  import "google/protobuf/any.proto";
  import "google/protobuf/field_mask.proto";
  import "google/protobuf/timestamp.proto";
  message Book { string id = 1; string title = 2; int64 copies = 3; repeated string tags = 4; google.protobuf.Timestamp added = 5; google.protobuf.Any extra = 6; }
  message GetBookRequest { string id = 1; string language = 2; int32 revision = 3; }
  message BookResponse { Book book = 1; }
  message CreateBookRequest { Book book = 1; bool draft = 2; }
  message UpdateBookRequest { Book book = 1; google.protobuf.FieldMask update_mask = 2; }
  message Empty {}
  service Library {
    rpc GetBook(GetBookRequest) returns (BookResponse);
    rpc CreateBook(CreateBookRequest) returns (BookResponse);
    rpc UpdateBook(UpdateBookRequest) returns (BookResponse);
    rpc DeleteBook(GetBookRequest) returns (Empty);
    rpc WatchBook(GetBookRequest) returns (stream Book);
    rpc CountBooks(stream Book) returns (BookResponse);
    rpc Discuss(stream Book) returns (stream Book);
    rpc Reindex(Empty) returns (Empty);
  }
  `,
  {
    GetBook: { policy: everyone, http: { pattern: { case: "get", value: "/v1/books/{id}" } } },
    CreateBook: { policy: signedIn, http: { pattern: { case: "post", value: "/v1/books" }, body: "*" } },
    UpdateBook: {
      policy: signedIn,
      http: { pattern: { case: "patch", value: "/v1/books/{book.id}" }, body: "book", responseBody: "book" },
    },
    DeleteBook: { policy: admins, http: { pattern: { case: "delete", value: "/v1/books/{id}" } } },
    WatchBook: { policy: everyone, http: { pattern: { case: "get", value: "/v1/books/{id}:watch" } } },
    CountBooks: { policy: everyone },
    Discuss: { policy: everyone },
    Reindex: { policy: { access: { services: ["test.library"] } } },
  },
);

/** A service without generated code, with one method of every kind. */
export const Library = serviceOf(contract, "test.library.v1.Library");

/** Answers a call; requests and responses are ProtoJSON. */
export type LibraryHandler = (request: JsonObject, context: RpcContext) => Promise<JsonObject>;
/** Answers a call with a stream. */
export type LibraryStream = (request: JsonObject, context: RpcContext) => AsyncIterable<JsonObject>;

/** What a test may replace. */
export interface LibraryOptions {
  readonly unary?: LibraryHandler;
  readonly watch?: LibraryStream;
  readonly config?: Partial<GatewayConfig>;
  readonly tokens?: AccessTokenVerifier;
  readonly services?: GatewayOptions["services"];
}

/** Reads "Bearer <id>:<role>,<role>" for a token; "Bearer bad" is a bad one. */
export const plainTokens: AccessTokenVerifier = {
  async verify(authorization) {
    if (!authorization) return undefined;
    const [id = "", roles = ""] = authorization.replace("Bearer ", "").split(":");
    if (id === "bad") throw new ConnectError("the access token is not valid", Code.Unauthenticated);
    return { id, roles: roles.split(",") };
  },
};

/** Starts the library behind a gateway, both on free ports. */
export async function startLibrary(options: LibraryOptions = {}) {
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    contract: readContract({ services: [Library] }),
    services: [libraryService(options)],
    tokens: plainTokens,
    identity: secretIdentity("test.library", secret),
    log: silentLogger(),
  });
  await server.start();
  const lines: Record<string, unknown>[] = [];
  const upstream = { service: Library, address: server.address, server: "test.library" };
  const edge = gateway({
    config: testConfig(options.config),
    services: options.services ?? [upstream],
    tokens: options.tokens ?? plainTokens,
    log: createLogger({
      name: "gateway",
      level: "debug",
      destination: { write: (line) => lines.push(JSON.parse(line)) },
    }),
  });
  await edge.start();
  return {
    url: edge.url,
    edge,
    server,
    upstream,
    lines,
    async [Symbol.asyncDispose]() {
      await edge.stop();
      await server.stop();
    },
  };
}

/** A configuration on a free port. */
export function testConfig(own: Partial<GatewayConfig> = {}): GatewayConfig {
  return {
    host: "127.0.0.1",
    port: 0,
    workers: 1,
    security: { kind: "plaintext", secret },
    logLevel: "info",
    logFormat: "json",
    metricsPort: 0,
    channel: channelUnderTest(),
    localCalls: false,
    trafficFaults: false,
    streamReplicas: 1,
    registryUrl: "nats://127.0.0.1:1",
    self: { address: "", version: "", zone: "", weight: 1 },
    corsOrigins: [],
    maxBodyBytes: 4 * 1024 * 1024,
    clients: defaultClientLimits,
    docs: true,
    guard: defaultGuard,
    drainDelayMs: 0,
    drainTimeoutMs: 1_000,
    rest: defaultRestConfig,
    streams: { openAfterMs: 1_000, heartbeatMs: 15_000, idleTimeoutMs: 300_000 },
    addressOf: () => "127.0.0.1:1",
    serverOf: () => "test.library",
    ...own,
  };
}

/** An answer as it arrived. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Whether the answer ended as HTTP says it must. */
  readonly complete: boolean;
  readonly json: () => JsonValue;
}

/** Sends a request whose path is not touched. */
export function call(
  url: string,
  line: string,
  how: { headers?: Record<string, string>; body?: string | Buffer; signal?: AbortSignal } = {},
): Promise<HttpAnswer> {
  const [method = "GET", path = "/"] = line.split(" ");
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const { headers = {}, body, signal } = how;
  const json = body === undefined || "content-type" in headers ? {} : { "content-type": "application/json" };
  // Node sends a GET's body without saying how long it is.
  const framed = body === undefined || "content-length" in headers || "transfer-encoding" in headers;
  const length = framed ? {} : { "content-length": Buffer.byteLength(body) };
  const sent = { ...json, ...length, ...headers };
  const request = httpRequest({ hostname, port, method, path, headers: sent, signal, agent: false });
  request.on("error", reject);
  request.on("response", (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", () => undefined);
    response.on("close", () => {
      const text = Buffer.concat(chunks).toString();
      const { statusCode: status = 0, headers, complete } = response;
      resolve({ status, headers, text, complete, json: () => JSON.parse(text) });
    });
  });
  request.end(body);
  return promise;
}

function libraryService({ unary = echo, watch = watchTwice }: LibraryOptions): RpcService {
  const { method } = Library;
  const one = (name: string) => async (request: Message, context: RpcContext) =>
    answerOf(method, name, await unary(jsonOf(inputOf(name), request), context));
  return {
    service: Library,
    handlers: {
      getBook: one("getBook"),
      createBook: one("createBook"),
      updateBook: one("updateBook"),
      deleteBook: one("deleteBook"),
      reindex: one("reindex"),
      async *watchBook(request: Message, context: RpcContext) {
        for await (const book of watch(jsonOf(inputOf("watchBook"), request), context)) {
          yield answerOf(method, "watchBook", book);
        }
      },
      async countBooks(books: AsyncIterable<Message>) {
        const all = await Array.fromAsync(books);
        return answerOf(method, "countBooks", { book: { copies: all.length } });
      },
      discuss: (books: AsyncIterable<Message>) => books,
    },
  };
}

function inputOf(name: string): DescMessage {
  const { input } = Library.method[name] ?? {};
  if (input === undefined) throw new Error(`no method ${name}`);
  return input;
}

function answerOf(methods: typeof Library.method, name: string, json: JsonObject): Message {
  const { output } = methods[name] ?? {};
  if (output === undefined) throw new Error(`no method ${name}`);
  return fromJson(output, json);
}

function jsonOf(desc: DescMessage, message: Message): JsonObject {
  const json: JsonValue = toJson(desc, message);
  return typeof json === "object" && json !== null && !Array.isArray(json) ? json : {};
}

async function echo(request: JsonObject, { method }: RpcContext): Promise<JsonObject> {
  if (method.output.typeName.endsWith("Empty")) return {};
  const { book = request } = request;
  if (typeof book !== "object" || book === null || Array.isArray(book)) return {};
  const { id = "", title = "echo" } = book;
  return { book: { id, title, copies: "9007199254740993" } };
}

async function* watchTwice({ id = "" }: JsonObject): AsyncIterable<JsonObject> {
  yield { id, title: "first" };
  yield { id, title: "second" };
}
