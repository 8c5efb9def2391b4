import { type ClientRequest, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type DescMethod, fromJson, type JsonObject, type Message, toJson } from "@bufbuild/protobuf";
import { Audience } from "#gen/heddle/v1/policy_pb.ts";
import { readContract } from "#mesh/contract";
import { secretIdentity } from "#mesh/identity";
import { type AnyRpcHandler, createRpcServer, type RpcContext } from "#mesh/rpc";
import { createLogger } from "#mesh/telemetry";
import { silentLogger } from "#mesh/testing";
import type { GatewayConfig } from "./config.ts";
import { gateway } from "./gateway.ts";
import { plainTokens, testConfig } from "./library.fixture.ts";
import { compileContract, serviceOf } from "./run-time-contract.fixture.ts";

const secret = "a secret that a feed and its gateway share";
/** Long enough to move 100 MB on a busy machine. */
const deadline = { seconds: 60n };
const everyone = { access: { audience: Audience.PUBLIC }, deadline };
const resumed = { ...everyone, stream: { resume: { requestField: "after_version", responseField: "version" } } };

const contract = compileContract(
  `
  syntax = "proto3";
  package test.feed.v1;
  import "google/api/httpbody.proto";
  message Entry { int64 version = 1; string text = 2; }
  message FollowRequest { string id = 1; int64 after_version = 2; }
  message AppendRequest { string id = 1; string text = 2; repeated string tags = 3; }
  message AppendResponse { int32 count = 1; repeated string texts = 2; }
  message Part { google.api.HttpBody file = 1; int32 number = 2; }
  message ImportRequest { string id = 1; string name = 2; google.api.HttpBody file = 3; }
  message ChunkRequest {
    string id = 1;
    bytes checksum = 2;
    bytes data = 3;
    google.api.HttpBody preview = 4;
    Cover cover = 5;
  }
  message Cover { string colour = 1; bytes picture = 2; }
  message PostRequest {
    string id = 1;
    string title = 2;
    repeated int32 numbers = 3;
    Entry entry = 4;
    repeated Entry entries = 5;
    bytes picture = 6;
    google.api.HttpBody file = 7;
    repeated google.api.HttpBody files = 8;
    map<string, string> labels = 9;
    Cover cover = 10;
    oneof place { string link = 11; bytes blob = 12; }
  }
  message PutPostRequest { string id = 1; PostRequest post = 2; bool draft = 3; }
  message Note { string id = 1; string text = 2; }
  service Feed {
    rpc Follow(FollowRequest) returns (stream Entry);
    rpc FollowOwn(FollowRequest) returns (stream Entry);
    rpc Append(stream AppendRequest) returns (AppendResponse);
    rpc Talk(stream AppendRequest) returns (stream Entry);
    rpc Export(FollowRequest) returns (stream google.api.HttpBody);
    rpc ExportParts(FollowRequest) returns (stream Part);
    rpc Import(stream ImportRequest) returns (AppendResponse);
    rpc ImportFile(stream google.api.HttpBody) returns (AppendResponse);
    rpc ImportForm(stream ImportRequest) returns (AppendResponse);
    rpc ImportBytes(stream ChunkRequest) returns (AppendResponse);
    rpc Post(PostRequest) returns (PostRequest);
    rpc PutPost(PutPostRequest) returns (PutPostRequest);
    rpc Jot(Note) returns (Note);
  }
  `,
  {
    Follow: { policy: resumed, http: rule("get", "/v1/feeds/{id}:follow") },
    FollowOwn: { policy: { access: { audience: Audience.SIGNED_IN } } },
    Append: {
      policy: everyone,
      http: {
        ...rule("post", "/v1/feeds/{id}/entries", { body: "*" }),
        additionalBindings: [rule("get", "/v1/feeds/{id}/entries")],
      },
    },
    Talk: { policy: everyone, http: rule("get", "/v1/feeds/{id}:talk") },
    Export: { policy: everyone, http: rule("get", "/v1/feeds/{id}:export") },
    ExportParts: { policy: everyone, http: rule("get", "/v1/feeds/{id}:parts", { responseBody: "file" }) },
    Import: { policy: everyone, http: rule("post", "/v1/feeds/{id}:import", { body: "file" }) },
    ImportFile: { policy: everyone, http: rule("post", "/v1/files", { body: "*" }) },
    ImportForm: { policy: everyone, http: rule("post", "/v1/feeds/{id}/forms", { body: "*" }) },
    ImportBytes: { policy: everyone, http: rule("post", "/v1/feeds/{id}/bytes", { body: "*" }) },
    Post: {
      policy: everyone,
      http: {
        ...rule("post", "/v1/feeds/{id}/posts", { body: "*" }),
        additionalBindings: [rule("patch", "/v1/feeds/{id}/posts", { body: "*" })],
      },
    },
    PutPost: { policy: everyone, http: rule("put", "/v1/feeds/{id}/posts/{post.id}", { body: "post" }) },
    Jot: { policy: everyone, http: rule("post", "/v1/feeds/{id}/notes", { body: "*" }) },
  },
);

/** A service of streams without generated code. */
export const Feed = serviceOf(contract, "test.feed.v1.Feed");

function rule(
  method: "get" | "post" | "put" | "patch",
  value: string,
  more: { body?: string; responseBody?: string } = {},
) {
  return { pattern: { case: method, value }, ...more };
}

/** Answer calls; messages are ProtoJSON. One that is left out answers nothing. */
export interface FeedHandlers {
  readonly follow?: FeedStream;
  readonly talk?: (requests: AsyncIterable<JsonObject>, context: RpcContext) => AsyncIterable<JsonObject>;
  readonly append?: FeedSink;
  readonly export?: FeedStream;
  readonly exportParts?: FeedStream;
  readonly import?: FeedSink;
  readonly importFile?: FeedSink;
  readonly importForm?: FeedSink;
  readonly importBytes?: FeedSink;
  /** Default: answers with the request. */
  readonly post?: (request: JsonObject) => Promise<JsonObject>;
}

/** Answers a request with a stream. */
export type FeedStream = (request: JsonObject, context: RpcContext) => AsyncIterable<JsonObject>;
/** Answers a stream with one message. */
export type FeedSink = (requests: AsyncIterable<JsonObject>, context: RpcContext) => Promise<JsonObject>;

/** What a test may replace. */
export interface FeedOptions extends FeedHandlers {
  readonly config?: Partial<GatewayConfig>;
  /** host:port of whoever answers in place of the handlers. */
  readonly address?: string;
}

/** Starts the feed behind a gateway, both on free ports. */
export async function startFeed(options: FeedOptions = {}) {
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    contract: readContract({ services: [Feed] }),
    services: [{ service: Feed, handlers: handlersOf(options) }],
    tokens: plainTokens,
    identity: secretIdentity("test.feed", secret),
    log: silentLogger(),
  });
  await server.start();
  const lines: Record<string, unknown>[] = [];
  const edge = gateway({
    config: testConfig({ security: { kind: "plaintext", secret }, serverOf: () => "test.feed", ...options.config }),
    services: [{ service: Feed, address: options.address ?? server.address, server: "test.feed" }],
    tokens: plainTokens,
    log: createLogger({
      name: "gateway",
      level: "debug",
      destination: { write: (line) => lines.push(JSON.parse(line)) },
    }),
  });
  await edge.start();
  return {
    ...{ url: edge.url, edge, server, lines },
    async [Symbol.asyncDispose]() {
      await edge.stop();
      await server.stop();
    },
  };
}

/** An answer that is still arriving. */
export interface OpenAnswer {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
  /** Reads on until the text so far contains this. Throws when the answer is over before. */
  until(part: string): Promise<string>;
}

/** Sends a GET and returns when the headers of its answer are there. */
export async function open(url: string, path: string, headers: Record<string, string> = {}): Promise<OpenAnswer> {
  const request = httpRequest(`${url}${path}`, { headers, agent: false });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.on("response", resolve).on("error", reject).end();
  const response = await promise;
  const chunks = response[Symbol.asyncIterator]();
  let text = "";
  return {
    request,
    response,
    async until(part) {
      while (!text.includes(part)) {
        const { done, value } = await chunks.next();
        if (done) throw new Error(`the answer ended without "${part}": ${text}`);
        text += value;
      }
      return text;
    },
  };
}

function handlersOf(handlers: FeedHandlers): Record<string, AnyRpcHandler> {
  const { talk = none, append = nothing, follow = none } = handlers;
  return {
    follow: streaming(Feed.method.follow, follow),
    followOwn: streaming(Feed.method.followOwn, follow),
    export: streaming(Feed.method.export, handlers.export ?? none),
    exportParts: streaming(Feed.method.exportParts, handlers.exportParts ?? none),
    append: collecting(Feed.method.append, append),
    import: collecting(Feed.method.import, handlers.import ?? nothing),
    importFile: collecting(Feed.method.importFile, handlers.importFile ?? nothing),
    importForm: collecting(Feed.method.importForm, handlers.importForm ?? nothing),
    importBytes: collecting(Feed.method.importBytes, handlers.importBytes ?? nothing),
    post: async (request: Message) =>
      handlers.post ? messageOfJson(Feed.method.post, await handlers.post(jsonOf(Feed.method.post, request))) : request,
    putPost: async (request: Message) => request,
    jot: async (request: Message) => request,
    async *talk(requests: AsyncIterable<Message>, context: RpcContext) {
      for await (const answer of talk(jsonOfAll(Feed.method.talk, requests), context)) {
        yield messageOfJson(Feed.method.talk, answer);
      }
    },
  };
}

function streaming(method: DescMethod | undefined, handler: FeedStream): AnyRpcHandler {
  return async function* (request: Message, context: RpcContext) {
    for await (const answer of handler(jsonOf(method, request), context)) yield messageOfJson(method, answer);
  };
}

function collecting(method: DescMethod | undefined, handler: FeedSink): AnyRpcHandler {
  return async (requests: AsyncIterable<Message>, context: RpcContext) =>
    messageOfJson(method, await handler(jsonOfAll(method, requests), context));
}

async function* none(): AsyncIterable<JsonObject> {}

async function nothing(): Promise<JsonObject> {
  return {};
}

async function* jsonOfAll(method: DescMethod | undefined, requests: AsyncIterable<Message>): AsyncIterable<JsonObject> {
  for await (const request of requests) yield jsonOf(method, request);
}

function jsonOf(method: DescMethod | undefined, request: Message): JsonObject {
  const json = method && toJson(method.input, request);
  return typeof json === "object" && json !== null && !Array.isArray(json) ? json : {};
}

function messageOfJson(method: DescMethod | undefined, json: JsonObject): Message {
  if (method === undefined) throw new Error("the feed has no such method");
  return fromJson(method.output, json);
}

/** Sends a request by HTTP/2 on a connection of its own. */
export async function callHttp2(url: string, line: string, how: { headers?: OutgoingHttpHeaders; body?: Buffer } = {}) {
  const [method = "GET", path = "/"] = line.split(" ");
  const session = connectHttp2(url);
  try {
    const stream = session.request({ ":method": method, ":path": path, ...how.headers });
    let headers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on("response", (received) => {
      headers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    let aborted = false;
    let ended = false;
    // An answer that ended before it was broken off looks complete.
    stream.on("aborted", () => {
      aborted = !ended;
    });
    stream.on("end", () => {
      ended = true;
    });
    // A reset is what is looked for.
    stream.on("error", () => undefined);
    stream.end(how.body);
    await new Promise((resolve) => stream.on("close", resolve));
    const bytes = Buffer.concat(chunks);
    return {
      status: headers[":status"],
      headers,
      bytes,
      text: bytes.toString(),
      complete: stream.rstCode === 0 && !aborted,
    };
  } finally {
    session.destroy();
  }
}

/** Sends a body whose chunks are made one at a time; answers the status and text of the answer. */
export async function upload(
  url: string,
  path: string,
  headers: Record<string, string>,
  chunks: AsyncIterable<Buffer | string>,
) {
  const request = httpRequest(`${url}${path}`, { method: "POST", headers, agent: false });
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  request.on("response", async (response) => {
    const parts = await Array.fromAsync(response);
    resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() });
  });
  request.on("error", reject);
  pipeline(Readable.from(chunks), request).catch(reject);
  return promise;
}
