/**
 * A server of the benchmark, in a process of its own. Sends its address to the parent, and to each "cpu" the processor
 * time that it has used so far, in microseconds.
 */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { GetOrderRequestSchema, GetOrderResponseSchema, OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { response } from "./contract.ts";
import { startMeshServer } from "./mesh-server.ts";
import { startMoleculer } from "./peers/moleculer.ts";
import { startNest } from "./peers/nest.ts";
import { readSettings, type ServerKind, type ServerSettings } from "./settings.ts";

const settings = readSettings<ServerSettings>();
const starts: Record<ServerKind, () => Promise<string>> = {
  mesh: async () => (await startMeshServer(settings)).address,
  bare: startBare,
  nest: () => startNest(settings.peers),
  moleculer: () => startMoleculer(settings.peers),
};
const address = await starts[settings.kind]();
process.on("disconnect", () => process.exit());
process.on("message", (message) => {
  if (message !== "cpu") return;
  const { user, system } = process.cpuUsage();
  process.send?.({ cpu: user + system });
});
process.send?.({ address });

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
    server.bindAsync("127.0.0.1:0", bareCredentials(settings), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return `127.0.0.1:${port}`;
}

/** Asks for a client's certificate, as the mesh's servers do. */
function bareCredentials({ certificates }: ServerSettings): ServerCredentials {
  const { own, authorities } = certificates?.server ?? {};
  if (!own) return ServerCredentials.createInsecure();
  const pair = { private_key: Buffer.from(own.key), cert_chain: Buffer.from(own.chain) };
  return ServerCredentials.createSsl(Buffer.from(authorities ?? ""), [pair], true);
}
