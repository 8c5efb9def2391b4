import { once } from "node:events";
import { connect } from "node:http2";
import { fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import { Library, startLibrary } from "../library.fixture.ts";

const rpc = "/test.library.v1.Library";

test("grpc-js calls all four kinds of methods", async () => {
  await using library = await startLibrary();
  using grpc = grpcJs(library.url);
  expect(await grpc.unary("GetBook", { id: "7" })).toMatchObject({ book: { id: "7", title: "echo" } });
  const watched = grpc.client.makeServerStreamRequest(
    `${rpc}/WatchBook`,
    encode("watchBook"),
    decode("watchBook"),
    message("watchBook", { id: "7" }),
  );
  expect((await Array.fromAsync(watched)).map((book) => json("watchBook", book).title)).toEqual(["first", "second"]);
  const counted = Promise.withResolvers<unknown>();
  const counting = grpc.client.makeClientStreamRequest(
    `${rpc}/CountBooks`,
    encode("countBooks"),
    decode("countBooks"),
    (error, answer) => (answer ? counted.resolve(json("countBooks", answer)) : counted.reject(error)),
  );
  for (const id of ["1", "2", "3"]) counting.write(message("countBooks", { id }));
  counting.end();
  expect(await counted.promise).toEqual({ book: { copies: "3" } });
});

test("a conversation goes on while both sides speak, by gRPC and by Connect", async () => {
  await using library = await startLibrary();
  const options = { baseUrl: library.url, httpVersion: "2" } as const;
  for (const transport of [createGrpcTransport(options), createConnectTransport(options)]) {
    expect(await converse(transport, ["1", "2", "3"])).toEqual(["1", "2", "3"]);
  }
});

test("errors carry code, message and details, before and after messages", async () => {
  const gone = () => {
    const error = new ConnectError("gone: “7” 100%", Code.NotFound);
    error.details.push({ desc: ErrorInfoSchema, value: { reason: "BOOK_GONE", domain: "test.library" } });
    return error;
  };
  await using library = await startLibrary({
    unary: () => Promise.reject(gone()),
    async *watch() {
      yield { title: "first" };
      throw gone();
    },
  });
  using grpc = grpcJs(library.url);
  const error: ServiceError = await grpc.unary("GetBook", {}).then(
    () => expect.fail(),
    (thrown) => thrown,
  );
  expect([error.code, error.details]).toEqual([status.NOT_FOUND, "gone: “7” 100%"]);
  expect(String(error.metadata.get("grpc-status-details-bin")[0])).toContain("BOOK_GONE");
  const watched = grpc.client.makeServerStreamRequest(
    `${rpc}/WatchBook`,
    encode("watchBook"),
    decode("watchBook"),
    message("watchBook", {}),
  );
  const seen: unknown[] = [];
  watched.on("data", (book) => seen.push(json("watchBook", book).title));
  const [late] = await once(watched, "error");
  expect([seen, late.code]).toEqual([["first"], status.NOT_FOUND]);
});

test("what is not there, or only for services, is unimplemented; who may not call is told so", async () => {
  await using library = await startLibrary();
  using grpc = grpcJs(library.url);
  const codes: unknown[] = [];
  for (const name of ["Nothing", "Reindex", "CreateBook"]) {
    await grpc.unary(name, {}, "getBook").catch((error: ServiceError) => codes.push(error.code));
  }
  expect(codes).toEqual([status.UNIMPLEMENTED, status.UNIMPLEMENTED, status.UNAUTHENTICATED]);
});

test("a slow reader holds the service back", async () => {
  let sent = 0;
  await using library = await startLibrary({
    async *watch() {
      for (; sent < 500; sent++) yield { title: "x".repeat(100_000) };
    },
  });
  // Connect's client and grpc-js take in what comes, asked or not.
  const session = connect(library.url);
  const headers = {
    ":method": "POST",
    ":path": `${rpc}/WatchBook`,
    "content-type": "application/grpc",
    te: "trailers",
  };
  const stream = session.request(headers).end(Buffer.alloc(5));
  await once(stream, "response");
  let before = -1;
  const rests = () => {
    const rested = sent === before;
    before = sent;
    return rested;
  };
  await expect.poll(rests, { interval: 200 }).toBe(true);
  // Everything between keeps some; nothing keeps 50 MB.
  expect(sent).toBeLessThan(200);
  let received = 0;
  for await (const chunk of stream) received += chunk.length;
  expect(received).toBeGreaterThan(50_000_000);
  session.close();
});

test("health says what /readyz says, for all and for one service", async () => {
  await using library = await startLibrary();
  const health = createClient(Health, createGrpcTransport({ baseUrl: library.url }));
  const statuses = async () => [
    (await health.check({ service: "" })).status,
    (await health.check({ service: Library.typeName })).status,
  ];
  expect(await statuses()).toEqual([Status.SERVING, Status.SERVING]);
  library.server.setServing(false);
  expect(await statuses()).toEqual([Status.NOT_SERVING, Status.NOT_SERVING]);
  await expect(health.check({ service: "nothing" })).rejects.toMatchObject({ code: Code.NotFound });
  for await (const told of health.watch({ service: "" })) {
    expect(told.status).toBe(Status.NOT_SERVING);
    break;
  }
});

test("reflection lists the services that people may call, with their files", async () => {
  await using library = await startLibrary();
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: library.url }));
  async function* questions() {
    yield { messageRequest: { case: "listServices", value: "" } as const };
    yield { messageRequest: { case: "fileContainingSymbol", value: Library.typeName } as const };
  }
  const [list, files] = (await Array.fromAsync(client.serverReflectionInfo(questions()))).map(
    ({ messageResponse }) => messageResponse,
  );
  expect(list).toMatchObject({
    case: "listServicesResponse",
    value: { service: expect.arrayContaining([expect.objectContaining({ name: Library.typeName })]) },
  });
  if (files?.case !== "fileDescriptorResponse") return expect.fail("no files");
  const names = files.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).package);
  expect(names).toContain("test.library.v1");
});

test("reflection can be switched off", async () => {
  await using library = await startLibrary({ config: { reflection: false } });
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: library.url }));
  const asked = Array.fromAsync(client.serverReflectionInfo((async function* () {})()));
  await expect(asked).rejects.toMatchObject({ code: Code.Unimplemented });
});

function grpcJs(url: string) {
  const client = new Client(new URL(url).host, credentials.createInsecure());
  return {
    client,
    unary(name: string, request: JsonValue, kind = `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`) {
      const { promise, resolve, reject } = Promise.withResolvers<JsonValue>();
      const known = kind in Library.method ? kind : "getBook";
      client.makeUnaryRequest(
        `${rpc}/${name}`,
        encode(known),
        decode(known),
        message(known, request),
        new Metadata(),
        (error, answer) => (answer ? resolve(json(known, answer)) : reject(error)),
      );
      return promise;
    },
    [Symbol.dispose]: () => client.close(),
  };
}

/** Says each word only when the one before has come back. */
async function converse(transport: Transport, ids: readonly string[]): Promise<unknown[]> {
  const heard: unknown[] = [];
  let next = Promise.withResolvers<void>();
  async function* words() {
    for (const id of ids) {
      yield message("discuss", { id });
      await next.promise;
      next = Promise.withResolvers();
    }
  }
  const answer = await transport.stream(methodOf("discuss", "bidi_streaming"), undefined, undefined, {}, words());
  for await (const book of answer.message) {
    heard.push(json("discuss", book).id);
    next.resolve();
  }
  return heard;
}

function methodOf(name: string, methodKind: "bidi_streaming") {
  return { ...described(name), methodKind } as const;
}

function described(name: string) {
  const method = Library.method[name];
  if (method === undefined) throw new Error(`no method ${name}`);
  return method;
}

function message(name: string, value: JsonValue) {
  return fromJson(described(name).input, value);
}

function json(name: string, value: ReturnType<typeof message>): Record<string, JsonValue> {
  const printed = toJson(described(name).output, value);
  return typeof printed === "object" && printed !== null && !Array.isArray(printed) ? printed : {};
}

function encode(name: string) {
  return (value: ReturnType<typeof message>) => Buffer.from(toBinary(described(name).input, value));
}

function decode(name: string) {
  return (bytes: Buffer) => fromBinary(described(name).output, bytes);
}
