/**
 * A server of the benchmark, in a process of its own: `server.ts mesh <public key>` or `server.ts bare`. Sends its
 * address to the parent, and to each "cpu" the processor time that it has used so far, in microseconds.
 */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { GetOrderRequestSchema, GetOrderResponseSchema, OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { accessTokenVerifier, secretIdentity } from "#mesh/identity";
import { createRpcServer, implement } from "#mesh/rpc";
import { createLogger } from "#mesh/telemetry";
import { orderContract, response } from "./contract.ts";

const [, , kind, publicKey = "{}", secret = ""] = process.argv;
const address = kind === "mesh" ? await startMesh() : await startBare();
process.on("message", (message) => {
  if (message !== "cpu") return;
  const { user, system } = process.cpuUsage();
  process.send?.({ cpu: user + system });
});
process.send?.({ address });

/** All interceptors on, each call logged as one line of JSON on stdout. */
async function startMesh(): Promise<string> {
  const unused = () => Promise.reject(new ConnectError("not part of the benchmark", Code.Unimplemented));
  const keys = { keys: [JSON.parse(publicKey)] };
  const calls = { ended: 0 };
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    contract: orderContract(),
    services: [
      implement(OrderService, {
        getOrder: async () => response,
        placeOrder: unused,
        listOrders: unused,
        cancelOrder: unused,
      }),
    ],
    tokens: accessTokenVerifier({ keys: () => Promise.resolve(keys) }),
    identity: secretIdentity("shop.order", secret),
    log: createLogger({ name: "shop.order" }),
    onCallEnd: () => {
      calls.ended++;
    },
  });
  await server.start();
  return server.address;
}

/** What one writes with grpc-js alone: messages in and out, and the handler. */
async function startBare(): Promise<string> {
  const server = new Server();
  const bytes = (message: Uint8Array) => Buffer.from(message.buffer, message.byteOffset, message.length);
  const path = `/${OrderService.typeName}/GetOrder`;
  const getOrder = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: Uint8Array) => bytes(message),
    requestDeserialize: (buffer: Buffer) => fromBinary(GetOrderRequestSchema, buffer),
    responseSerialize: (message: typeof response) => bytes(toBinary(GetOrderResponseSchema, message)),
    responseDeserialize: (buffer: Buffer) => fromBinary(GetOrderResponseSchema, buffer),
  } as const;
  server.addService(
    { getOrder },
    { getOrder: (_: unknown, callback: sendUnaryData<typeof response>) => callback(null, response) },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return `127.0.0.1:${port}`;
}
