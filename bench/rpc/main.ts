/**
 * Unary throughput of a mesh server with every interceptor on, against a bare grpc-js server of the same contract; of the
 * mesh's client against grpc-js's, both calling that bare server; then both ends together, in other ways and with others;
 * what the mesh adds to a call's time; and the balancer with a slow replica.
 */
import type { ChildProcess } from "node:child_process";
import { toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import { GetOrderResponseSchema, OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { createMeshTransport } from "#mesh/rpc";
import { formatTraceparent, newTrace } from "#mesh/telemetry";
import { measureBalancing } from "./balancing.ts";
import { request, response } from "./contract.ts";
import { measureEndToEnd } from "./end-to-end.ts";
import { type Figures, inTurns, ratio } from "./figures.ts";
import type { Load, LoadResult } from "./load.ts";
import { installPeers } from "./peers/install.ts";
import { type ClientProcess, messageOf, type ServerProcess, start, startClient, startServer } from "./processes.ts";
import { clientSide, type SharedSettings } from "./settings.ts";

/** What is measured. */
export interface RpcBenchOptions {
  /** Also NestJS and Moleculer, which are installed from the network when they are not there. Default false. */
  readonly peers?: boolean;
}

const CONNECTIONS = 4;
const IN_FLIGHT = 25;

/** Runs for about two minutes: servers, load and clients in processes of their own, in alternating rounds. */
export async function runRpcBench({ peers = false }: RpcBenchOptions = {}): Promise<Record<string, object>> {
  const shared = await sharedSettings(peers ? installPeers() : "");
  return {
    ...(await measureSides(shared)),
    ...(await measureEndToEnd(shared)),
    ...(await measureBalancing(shared)),
  };
}

/** Each side of a call by itself, against its counterpart of grpc-js alone. */
async function measureSides(shared: SharedSettings): Promise<Record<string, Figures>> {
  const headers = await callHeaders(shared);
  const mesh = await startServer({ ...shared, kind: "mesh", slowMs: 0 });
  const bare = await startServer({ ...shared, kind: "bare", slowMs: 0 });
  try {
    for (const { address } of [mesh, bare]) await expectAnswer(address, headers);
    const servers = await measureServers({ mesh, bare }, headers);
    const clients = await measureClients(bare.address, shared);
    return {
      "mesh server": servers.mesh,
      "bare grpc-js server": servers.bare,
      "ratio of servers": ratio(servers.mesh, servers.bare),
      "mesh client": clients.mesh,
      "bare grpc-js client": clients.bare,
      "mesh client over grpc-js": clients["grpc-js"],
      "ratio of clients": ratio(clients.mesh, clients.bare),
    };
  } finally {
    for (const server of [mesh, bare]) server.kill();
  }
}

async function measureServers(
  servers: Readonly<Record<"mesh" | "bare", ServerProcess>>,
  headers: Record<string, string>,
): Promise<Record<"mesh" | "bare", Figures>> {
  const load = start("load.ts");
  try {
    return await inTurns(["bare", "mesh"], (kind, durationMs) =>
      measure(servers[kind], load, loadOf(servers[kind].address, headers, durationMs)),
    );
  } finally {
    load.kill();
  }
}

async function measureClients(address: string, shared: SharedSettings) {
  const kinds = ["bare", "mesh", "grpc-js"] as const;
  const clients = new Map<string, ClientProcess>();
  try {
    for (const kind of kinds) clients.set(kind, await startClient({ ...shared, kind, address }));
    return await inTurns(kinds, async (kind, durationMs) => {
      const result = await clients.get(kind)?.run({ inFlight: CONNECTIONS * IN_FLIGHT, durationMs });
      if (!result || result.failed > 0) throw new Error(`${result?.failed} calls of ${kind} failed`);
      return {
        callsPerSecond: result.calls / (result.durationMs / 1000),
        cpuMicrosPerCall: result.cpuMicros / result.calls,
      };
    });
  } finally {
    for (const client of clients.values()) client.kill();
  }
}

/** Keys, and a user, as every process of the run knows them. */
async function sharedSettings(peers: string): Promise<SharedSettings> {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA");
  return {
    peers,
    publicKey: JSON.stringify({ ...(await exportJWK(publicKey)), kid: "bench", alg: "EdDSA" }),
    secret: "a secret of the benchmark, 32 characters",
    authorization: `Bearer ${await userToken(privateKey)}`,
  };
}

function userToken(privateKey: CryptoKey): Promise<string> {
  const token = new SignJWT({ roles: ["customer"] }).setProtectedHeader({ alg: "EdDSA", kid: "bench" });
  return token.setIssuer("heddle").setAudience("heddle").setSubject("ada").setExpirationTime("15m").sign(privateKey);
}

/** What a call between services carries: both servers receive all of it. */
async function callHeaders(shared: SharedSettings): Promise<Record<string, string>> {
  return {
    authorization: shared.authorization,
    "heddle-service": (await clientSide(shared).identity.header()) ?? "",
    traceparent: formatTraceparent(newTrace()),
    "x-request-id": "0123456789abcdef0123456789abcdef",
  };
}

/** The load looks at lengths only, so the answer itself is checked once. */
async function expectAnswer(address: string, headers: Record<string, string>): Promise<void> {
  const transport = createMeshTransport({ address });
  const { order } = await createClient(OrderService, transport).getOrder({ id: response.order?.id ?? "" }, { headers });
  transport.close();
  if (order?.items.length !== response.order?.items.length) throw new Error(`${address} does not answer as it should`);
}

function loadOf(address: string, headers: Record<string, string>, durationMs: number): Load {
  const protocol = {
    ":method": "POST",
    ":scheme": "http",
    ":path": `/${OrderService.typeName}/GetOrder`,
    ":authority": address,
    te: "trailers",
    "content-type": "application/grpc",
    "user-agent": "heddle-bench",
    "grpc-timeout": "5S",
  };
  return {
    address,
    headers: { ...protocol, ...headers },
    message: Buffer.from(request).toString("base64"),
    answerBytes: toBinary(GetOrderResponseSchema, response).length + 5,
    connections: CONNECTIONS,
    inFlight: IN_FLIGHT,
    durationMs,
  };
}

async function measure(
  server: ServerProcess,
  loader: ChildProcess,
  load: Load,
): Promise<Record<keyof Figures, number>> {
  const before = await server.cpuMicros();
  loader.send(load);
  const { calls, failed, durationMs } = await messageOf<LoadResult>(loader);
  if (failed > 0) throw new Error(`${failed} calls failed`);
  const cpu = (await server.cpuMicros()) - before;
  return { callsPerSecond: calls / (durationMs / 1000), cpuMicrosPerCall: cpu / calls };
}

if (import.meta.main) console.table(await runRpcBench({ peers: process.argv.includes("--peers") }));
