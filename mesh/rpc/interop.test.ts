import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "#gen/google/rpc/status_pb.ts";
import { Refusal } from "#mesh/refusal";
import { errorOf } from "./catch-error.fixture.ts";
import { type EchoRequest, EchoService } from "./echo-contract.fixture.ts";
import { CHANNELS, echoServer, transportOver } from "./echo-server.fixture.ts";
import { pathOf, streamsRequests, streamsResponses } from "./served-method.ts";

const [input, output] = [EchoService.method.unary.input, EchoService.method.unary.output];
const bytes = (message: Uint8Array) => Buffer.from(message.buffer, message.byteOffset, message.length);
const writeRequest = (message: EchoRequest) => bytes(toBinary(input, message));
const readRequest = (buffer: Buffer) => fromBinary(input, buffer);
const readResponse = (buffer: Buffer) => fromBinary(output, buffer);
const request = (text: string, count = 0) => create(input, { text, count });

let echo: Awaited<ReturnType<typeof echoServer>>;
beforeAll(async () => {
  echo = await echoServer({ signedIn: () => Promise.reject(new Refusal(1, { text: "x" })) });
});
afterAll(() => echo.server.stop());

function plainClient() {
  const client = new Client(echo.address, credentials.createInsecure());
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

test("a plain grpc-js client makes all four kinds of call", async () => {
  using client = plainClient();
  const { method } = EchoService;
  const unary = Promise.withResolvers<unknown>();
  client.makeUnaryRequest(pathOf(method.unary), writeRequest, readResponse, request("a"), (error, answer) =>
    error ? unary.reject(error) : unary.resolve(answer),
  );
  expect(await unary.promise).toMatchObject({ text: "a" });

  const args = [writeRequest, readResponse] as const;
  const served = client.makeServerStreamRequest(pathOf(method.serverStream), ...args, request("b", 2));
  expect(await Array.fromAsync(served)).toMatchObject([{ text: "b0" }, { text: "b1" }]);

  const sent = Promise.withResolvers<unknown>();
  const sending = client.makeClientStreamRequest(pathOf(method.clientStream), ...args, (error, answer) =>
    error ? sent.reject(error) : sent.resolve(answer),
  );
  sending.write(request("c"));
  sending.end(request("d"));
  expect(await sent.promise).toMatchObject({ text: "c,d" });

  const talking = client.makeBidiStreamRequest(pathOf(method.bidi), ...args);
  talking.end(request("e"));
  expect(await Array.fromAsync(talking)).toMatchObject([{ text: "E" }]);
});

test("a plain grpc-js client reads code, message and details of an error", async () => {
  using client = plainClient();
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer ada");
  const failed = Promise.withResolvers<ServiceError | null>();
  const path = pathOf(EchoService.method.signedIn);
  client.makeUnaryRequest(path, writeRequest, readResponse, request(""), metadata, failed.resolve);
  const error = await failed.promise;
  expect(error).toMatchObject({ code: Code.NotFound, details: "there is no echo of x here" });
  const rich = error?.metadata.get("grpc-status-details-bin")[0];
  const status = fromBinary(StatusSchema, Buffer.isBuffer(rich) ? rich : Buffer.alloc(0));
  expect(status.details[0]?.typeUrl).toBe("type.googleapis.com/google.rpc.ErrorInfo");
});

test("bytes that are no request are an invalid argument", async () => {
  using client = plainClient();
  const failed = Promise.withResolvers<ServiceError | null>();
  const path = pathOf(EchoService.method.unary);
  const broken = () => Buffer.from([0x0a, 0xff]);
  client.makeUnaryRequest(path, broken, readResponse, request(""), failed.resolve);
  expect(await failed.promise).toMatchObject({
    code: Code.InvalidArgument,
    details: "the request is no valid test.echo.v1.EchoRequest",
  });
});

test("an unknown method is unimplemented", async () => {
  using client = plainClient();
  const failed = Promise.withResolvers<ServiceError | null>();
  client.makeUnaryRequest("/test.echo.v1.EchoService/No", writeRequest, readResponse, request(""), failed.resolve);
  expect(await failed.promise).toMatchObject({ code: Code.Unimplemented });
});

test("connect-node's gRPC transport makes all four kinds of call and reads details", async () => {
  const client = createClient(EchoService, createGrpcTransport({ baseUrl: `http://${echo.address}` }));
  async function* two() {
    yield { text: "a" };
    yield { text: "b" };
  }
  expect(await client.unary({ text: "hi" })).toMatchObject({ text: "hi" });
  expect(await Array.fromAsync(client.serverStream({ text: "m", count: 2 }))).toHaveLength(2);
  expect(await client.clientStream(two())).toMatchObject({ text: "a,b" });
  expect(await Array.fromAsync(client.bidi(two()))).toMatchObject([{ text: "A" }, { text: "B" }]);
  const error = await errorOf(client.unary({ text: "much too long a text" }));
  expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([{ field: "text" }]);
});

/** A grpc-js server without the mesh, which refuses by unary and echoes by bidi. */
async function plainServer() {
  const server = new Server();
  const definition: ServiceDefinition = Object.fromEntries(
    EchoService.methods.map((desc) => [
      desc.localName,
      {
        path: pathOf(desc),
        requestStream: streamsRequests(desc),
        responseStream: streamsResponses(desc),
        requestSerialize: writeRequest,
        requestDeserialize: readRequest,
        responseSerialize: (message: { text: string }) => bytes(toBinary(output, create(output, message))),
        responseDeserialize: readResponse,
      },
    ]),
  );
  server.addService(definition, {
    unary(_: unknown, callback: (error: object) => void) {
      const metadata = new Metadata();
      const info = create(ErrorInfoSchema, { reason: "PLAIN", domain: "elsewhere" });
      const details = [{ typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value: toBinary(ErrorInfoSchema, info) }];
      const status = create(StatusSchema, { code: Code.Aborted, message: "rich", details });
      metadata.set("grpc-status-details-bin", bytes(toBinary(StatusSchema, status)));
      callback({ code: Code.Aborted, details: "plain", metadata });
    },
    quick: (_: unknown, callback: (error: object) => void) => callback({ code: Code.Aborted, details: "50 % a,b: c" }),
    bidi(stream: NodeJS.ReadWriteStream & { end(): void }) {
      stream.on("data", (message: EchoRequest) => stream.write({ text: message.text } as never));
      stream.on("end", () => stream.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { address: `127.0.0.1:${port}`, [Symbol.dispose]: () => server.forceShutdown() };
}

test.each(CHANNELS)("a mesh client over %s talks to a plain grpc-js server", async (channel) => {
  using server = await plainServer();
  using transport = transportOver(channel)(server.address);
  const client = createClient(EchoService, transport);
  async function* talk() {
    yield { text: "a" };
    yield { text: "b" };
  }
  expect(await Array.fromAsync(client.bidi(talk()))).toMatchObject([{ text: "a" }, { text: "b" }]);
  const error = await errorOf(client.unary({}));
  expect(error).toMatchObject({ code: Code.Aborted, rawMessage: "rich" });
  expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "PLAIN" }]);
  expect((await errorOf(client.quick({}))).rawMessage).toBe("50 % a,b: c");
  expect(await errorOf(client.adminOnly({}))).toMatchObject({ code: Code.Unimplemented });
});
