/** Unary throughput of a mesh server with every interceptor on, against a bare grpc-js server of the same contract. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import { GetOrderResponseSchema, OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { secretIdentity } from "#mesh/identity";
import { createMeshTransport } from "#mesh/rpc";
import { formatTraceparent, newTrace } from "#mesh/telemetry";
import { request, response } from "./contract.ts";
import type { Load, LoadResult } from "./load.ts";

/** What one kind of server reached: medians over the rounds. */
export interface ServerFigures {
  /** Calls per second. */
  readonly callsPerSecond: number;
  /** Processor time of the server for one call, in microseconds. */
  readonly cpuMicrosPerCall: number;
}

/** What the benchmark found. */
export interface RpcBenchResult {
  readonly mesh: ServerFigures;
  readonly bare: ServerFigures;
  /** Calls per second of the mesh server divided by those of the bare one. */
  readonly ratio: number;
  /** Processor time of a call at the bare server divided by that at the mesh server: steadier on a busy machine. */
  readonly cpuRatio: number;
}

const ROUNDS = 5;
const WARM_UP_MS = 2_000;
const ROUND_MS = 2_000;
const CONNECTIONS = 4;
const IN_FLIGHT = 25;
const SECRET = "a secret of the benchmark, 32 characters";

/** Runs for about half a minute: both servers and the load in processes of their own, in alternating rounds. */
export async function runRpcBench(): Promise<RpcBenchResult> {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA");
  const key = JSON.stringify({ ...(await exportJWK(publicKey)), kid: "bench", alg: "EdDSA" });
  const headers = await callHeaders(privateKey);
  const [mesh, bare] = [start("server.ts", ["mesh", key, SECRET]), start("server.ts", ["bare"])];
  const load = start("load.ts", []);
  try {
    const addresses = { mesh: await addressOf(mesh), bare: await addressOf(bare) };
    for (const address of Object.values(addresses)) await expectAnswer(address, headers);
    const measured = { mesh: [] as ServerFigures[], bare: [] as ServerFigures[] };
    for (let turn = -1; turn < ROUNDS; turn++) {
      for (const kind of ["bare", "mesh"] as const) {
        const server = kind === "mesh" ? mesh : bare;
        const durationMs = turn < 0 ? WARM_UP_MS : ROUND_MS;
        const figures = await measure(server, load, loadOf(addresses[kind], headers, durationMs));
        if (turn >= 0) measured[kind].push(figures);
      }
    }
    const result = { mesh: medians(measured.mesh), bare: medians(measured.bare) };
    return {
      ...result,
      ratio: round(result.mesh.callsPerSecond / result.bare.callsPerSecond, 2),
      cpuRatio: round(result.bare.cpuMicrosPerCall / result.mesh.cpuMicrosPerCall, 2),
    };
  } finally {
    for (const child of [mesh, bare, load]) child.kill();
  }
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

async function measure(server: ChildProcess, loader: ChildProcess, load: Load): Promise<ServerFigures> {
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

function medians(rounds: readonly ServerFigures[]): ServerFigures {
  const median = (name: keyof ServerFigures) => {
    const sorted = rounds.map((figures) => figures[name]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  return { callsPerSecond: round(median("callsPerSecond"), 0), cpuMicrosPerCall: round(median("cpuMicrosPerCall"), 1) };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

if (import.meta.main) console.table(await runRpcBench());
