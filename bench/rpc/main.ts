/**
 * Unary throughput of a mesh server with every interceptor on, against a bare grpc-js server of the same contract; then
 * of the mesh's client against grpc-js's, both calling that bare server.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import { GetOrderResponseSchema, OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { secretIdentity } from "#mesh/identity";
import { createMeshTransport } from "#mesh/rpc";
import { formatTraceparent, newTrace } from "#mesh/telemetry";
import type { ClientLoad, ClientResult } from "./client.ts";
import { request, response } from "./contract.ts";
import type { Load, LoadResult } from "./load.ts";

/** What one kind of server or client reached: medians over the rounds. Or the ratios of two of them. */
export interface Figures {
  /** Calls per second. */
  readonly callsPerSecond: number;
  /** Processor time of the server, or of the client, for one call, in microseconds. */
  readonly cpuMicrosPerCall: number;
}

/** What the benchmark found. */
export interface RpcBenchResult {
  readonly "mesh server": Figures;
  readonly "bare grpc-js server": Figures;
  /** The mesh server's figures against the bare one's; above 1 is better. */
  readonly "ratio of servers": Figures;
  readonly "mesh client": Figures;
  readonly "bare grpc-js client": Figures;
  readonly "mesh client over grpc-js": Figures;
  /** The mesh's client against grpc-js's own; above 1 is better. */
  readonly "ratio of clients": Figures;
}

const ROUNDS = 5;
const WARM_UP_MS = 2_000;
const ROUND_MS = 2_000;
const CONNECTIONS = 4;
const IN_FLIGHT = 25;
const SECRET = "a secret of the benchmark, 32 characters";

/** Runs for about a minute: servers, load and clients in processes of their own, in alternating rounds. */
export async function runRpcBench(): Promise<RpcBenchResult> {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA");
  const key = JSON.stringify({ ...(await exportJWK(publicKey)), kid: "bench", alg: "EdDSA" });
  const headers = await callHeaders(privateKey);
  const [mesh, bare] = [start("server.ts", ["mesh", key, SECRET]), start("server.ts", ["bare"])];
  try {
    const addresses = { mesh: await addressOf(mesh), bare: await addressOf(bare) };
    for (const address of Object.values(addresses)) await expectAnswer(address, headers);
    const servers = await measureServers({ mesh, bare }, addresses, headers);
    const clients = await measureClients(addresses.bare, headers.authorization);
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
    for (const child of [mesh, bare]) child.kill();
  }
}

async function measureServers(
  servers: Readonly<Record<"mesh" | "bare", ChildProcess>>,
  addresses: Readonly<Record<"mesh" | "bare", string>>,
  headers: Record<string, string>,
) {
  const load = start("load.ts", []);
  try {
    return await inTurns(["bare", "mesh"], (kind, durationMs) =>
      measure(servers[kind], load, loadOf(addresses[kind], headers, durationMs)),
    );
  } finally {
    load.kill();
  }
}

async function measureClients(address: string, authorization = "") {
  const kinds = ["bare", "mesh", "grpc-js"] as const;
  const children = Object.fromEntries(
    kinds.map((kind) => [kind, start("client.ts", [kind, address, authorization, SECRET])]),
  );
  try {
    return await inTurns(kinds, async (kind, durationMs) => {
      const child = children[kind];
      if (!child) throw new Error(`no client ${kind}`);
      const load: ClientLoad = { inFlight: CONNECTIONS * IN_FLIGHT, durationMs };
      child.send(load);
      const result = await messageOf<ClientResult>(child);
      return {
        callsPerSecond: result.calls / (result.durationMs / 1000),
        cpuMicrosPerCall: result.cpuMicros / result.calls,
      };
    });
  } finally {
    for (const child of Object.values(children)) child.kill();
  }
}

/** Measures each kind in every round, so that all see the same machine; the first round only warms up. */
async function inTurns<Kind extends string>(
  kinds: readonly Kind[],
  measureOne: (kind: Kind, durationMs: number) => Promise<Figures>,
): Promise<Record<Kind, Figures>> {
  const measured = new Map<Kind, Figures[]>(kinds.map((kind) => [kind, []]));
  for (let turn = -1; turn < ROUNDS; turn++) {
    for (const kind of kinds) {
      const figures = await measureOne(kind, turn < 0 ? WARM_UP_MS : ROUND_MS);
      if (turn >= 0) measured.get(kind)?.push(figures);
    }
  }
  const entries = [...measured].map(([kind, rounds]) => [kind, medians(rounds)] as const);
  return Object.fromEntries(entries) as Record<Kind, Figures>;
}

function ratio(ours: Figures, theirs: Figures): Figures {
  return {
    callsPerSecond: round(ours.callsPerSecond / theirs.callsPerSecond, 2),
    cpuMicrosPerCall: round(theirs.cpuMicrosPerCall / ours.cpuMicrosPerCall, 2),
  };
}

/** What a call between services carries: both servers receive all of it. */
async function callHeaders(privateKey: CryptoKey): Promise<Record<string, string>> {
  const token = new SignJWT({ roles: ["customer"] }).setProtectedHeader({ alg: "EdDSA", kid: "bench" });
  const signed = token.setIssuer("heddle").setAudience("heddle").setSubject("ada").setExpirationTime("15m");
  return {
    authorization: `Bearer ${await signed.sign(privateKey)}`,
    "heddle-service": await secretIdentity("shop.cart", SECRET).header(),
    traceparent: formatTraceparent(newTrace()),
    "x-request-id": "0123456789abcdef0123456789abcdef",
  };
}

function start(file: string, args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  // The log is written, and nobody reads it.
  return fork(path, args, {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

/** The next message of a child; rejects when it ends instead. */
function messageOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`${child.spawnargs[1]} ended with ${code}`));
    child.once("exit", ended).once("message", (message) => {
      child.off("exit", ended);
      resolve(message as T);
    });
  });
}

async function addressOf(server: ChildProcess): Promise<string> {
  return (await messageOf<{ address: string }>(server)).address;
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

async function measure(server: ChildProcess, loader: ChildProcess, load: Load): Promise<Figures> {
  const before = await cpuMicros(server);
  loader.send(load);
  const { calls, failed, durationMs } = await messageOf<LoadResult>(loader);
  if (failed > 0) throw new Error(`${failed} calls failed`);
  const cpu = (await cpuMicros(server)) - before;
  return { callsPerSecond: calls / (durationMs / 1000), cpuMicrosPerCall: cpu / calls };
}

async function cpuMicros(server: ChildProcess): Promise<number> {
  server.send("cpu");
  return (await messageOf<{ cpu: number }>(server)).cpu;
}

function medians(rounds: readonly Figures[]): Figures {
  const median = (name: keyof Figures) => {
    const sorted = rounds.map((figures) => figures[name]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  return { callsPerSecond: round(median("callsPerSecond"), 0), cpuMicrosPerCall: round(median("cpuMicrosPerCall"), 1) };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

if (import.meta.main) console.table(await runRpcBench());
