/**
 * A client of the benchmark, in a process of its own: `client.ts <kind> <address> <authorization> <secret>`. For each
 * message from the parent it keeps calls in flight for a while, then answers with what came of it.
 */
import { performance } from "node:perf_hooks";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { credentials, Client as GrpcClient, Metadata } from "@grpc/grpc-js";
import { GetOrderRequestSchema, GetOrderResponseSchema, OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { secretIdentity } from "#mesh/identity";
import { type ChannelKind, createMeshTransport } from "#mesh/rpc";
import { runInScope, type Scope } from "#mesh/scope";
import { childTrace, formatTraceparent, newTrace } from "#mesh/telemetry";

/** What a client is to do. */
export interface ClientLoad {
  readonly inFlight: number;
  readonly durationMs: number;
}

/** What came of it. */
export interface ClientResult {
  readonly calls: number;
  readonly durationMs: number;
  /** Processor time that the client used, in microseconds. */
  readonly cpuMicros: number;
}

const DEADLINE_MS = 5_000;
const [, , kind = "", address = "", authorization = "", secret = ""] = process.argv;
const identity = secretIdentity("shop.cart", secret);
const id = "0199c1a2-7c1e-7f00-8000-000000000001";
const call = kind === "bare" ? bareCalls() : meshCalls(kind === "grpc-js" ? "grpc-js" : "mesh");

process.on("disconnect", () => process.exit());
process.on("message", async (load: ClientLoad) => {
  process.send?.(await run(load));
});

async function run({ inFlight, durationMs }: ClientLoad): Promise<ClientResult> {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  let calls = 0;
  const again = async () => {
    while (performance.now() - startedAt < durationMs) {
      await call();
      calls++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, again));
  const { user, system } = process.cpuUsage(before);
  return { calls, durationMs: performance.now() - startedAt, cpuMicros: user + system };
}

/** As a service calls its neighbour: in the scope of a call that it serves, in its user's name. */
function meshCalls(channel: ChannelKind): () => Promise<unknown> {
  const client = createClient(OrderService, createMeshTransport({ address, identity, channel }));
  return () => {
    const scope: Scope = {
      signal: new AbortController().signal,
      deadline: Date.now() + DEADLINE_MS,
      trace: newTrace(),
      authorization,
      requestId: "0123456789abcdef0123456789abcdef",
    };
    return runInScope(scope, () => client.getOrder({ id }));
  };
}

/** What one writes with grpc-js alone to send the same. */
function bareCalls(): () => Promise<unknown> {
  const client = new GrpcClient(address, credentials.createInsecure(), { "grpc.enable_channelz": 0 });
  const path = `/${OrderService.typeName}/GetOrder`;
  const write = (message: { id: string }) => {
    const bytes = toBinary(GetOrderRequestSchema, create(GetOrderRequestSchema, message));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  };
  const read = (bytes: Buffer) => fromBinary(GetOrderResponseSchema, bytes);
  return async () => {
    const metadata = new Metadata();
    metadata.set("authorization", authorization);
    metadata.set("heddle-service", await identity.header());
    metadata.set("traceparent", formatTraceparent(childTrace(newTrace())));
    metadata.set("x-request-id", "0123456789abcdef0123456789abcdef");
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + DEADLINE_MS;
      client.makeUnaryRequest(path, write, read, { id }, metadata, { deadline }, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
  };
}
