import { type CallName, calls } from "./calls.ts";
import { expectEqualAnswers } from "./equal-answers.ts";
import { startGrpcGateway } from "./grpc-gateway.ts";
import { generateLoad, generatePacedLoad, type Load } from "./load.ts";
import { measureMemory } from "./memory.ts";
import { Processes } from "./processes.ts";

/** What a benchmark found for one call through one gateway: medians over the rounds. */
export interface GatewayFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Heddle's rate divided by this one's. */
  readonly heddleAgainstIt?: number;
}

/** What is measured besides. */
export interface GatewayBenchOptions {
  /** Also grpc-gateway, which needs Go and, once, the network. */
  readonly go: boolean;
  /** Also a million requests and ten thousand slow clients, instead of the rest. */
  readonly memory: boolean;
}

const rounds = 5;
const roundMs = 1_200;
/** Until then the compiler still works beside. */
const warmUpMs = 8_000;
const connections = 16;
const paced = { connections: 64, durationMs: 5_000, perSecond: 1_000 };

/**
 * Measures the gateway against others of the same contract and upstream, each in a process of its own, in alternating
 * rounds: against fastify with a hand-written grpc-js proxy, against Connect's adapter with its gRPC transport, beside
 * node:http with protobuf-es and nobody behind, and, if wanted, beside grpc-gateway in Go on one processor. Then what each
 * adds at 1,000 requests a second. Takes about five minutes.
 */
export async function runGatewayBench(options: GatewayBenchOptions): Promise<object> {
  using processes = new Processes();
  const upstream = await processes.start("upstream.ts");
  const heddle = Number(await processes.start("heddle.ts", upstream));
  if (options.memory) return await measureMemory(processes, upstream);
  const fastify = Number(await processes.start("fastify.ts", upstream));
  const connect = Number(await processes.start("connect.ts", upstream));
  const plain = Number(await processes.start("plain.ts"));
  const go = options.go ? await startGrpcGateway(processes, upstream) : undefined;
  const withGo: Record<string, number> = go === undefined ? {} : { "grpc-gateway": go };
  const rest = { heddle, "fastify + grpc-js": fastify, ...withGo };
  const rpc = { heddle, "connectNodeAdapter + createGrpcTransport": connect };
  await expectEqualAnswers(["POST /v1/sessions", "GET /v1/products/{id}"], Object.values(rest));
  await expectEqualAnswers(["Connect JSON CreateSession", "Connect proto CreateSession"], Object.values(rpc));
  return {
    ...(await compare("POST /v1/sessions", { ...rest, "node:http, nobody behind": plain })),
    ...(await compare("GET /v1/products/{id}", rest)),
    ...(await compare("Connect JSON CreateSession", rpc)),
    ...(await compare("Connect proto CreateSession", rpc)),
    ...(await compareAtRate({ "node:http, nobody behind": plain, ...rest })),
  };
}

async function compare(call: CallName, ports: Record<string, number>): Promise<Record<string, GatewayFigures>> {
  const load = (durationMs: number) => (port: number) => generateLoad(port, calls[call], { connections, durationMs });
  await alternate(ports, 1, load(warmUpMs));
  const loads = await alternate(ports, rounds, load(roundMs));
  const own = medians(loads.heddle ?? []).requestsPerSecond;
  return Object.fromEntries(
    Object.entries(loads).map(([name, each]) => {
      const figures = medians(each);
      const ratio = name === "heddle" ? {} : { heddleAgainstIt: round2(own / figures.requestsPerSecond) };
      return [`${call}: ${name}`, { ...figures, ...ratio }];
    }),
  );
}

/** The first of the ports is what the others' latency is added to. */
async function compareAtRate(ports: Record<string, number>): Promise<Record<string, object>> {
  const loads = await alternate(ports, 3, (port) => generatePacedLoad(port, calls["POST /v1/sessions"], paced));
  const all = Object.entries(loads).map(([name, each]) => [name, medians(each)] as const);
  const [, base] = all[0] ?? [];
  return Object.fromEntries(
    all.map(([name, { p50Ms, p99Ms }]) => {
      const added = base && { addedP50Ms: round2(p50Ms - base.p50Ms), addedP99Ms: round2(p99Ms - base.p99Ms) };
      return [`POST /v1/sessions at ${paced.perSecond}/s: ${name}`, { p50Ms, p99Ms, ...added }];
    }),
  );
}

async function alternate(
  ports: Record<string, number>,
  times: number,
  load: (port: number) => Promise<Load>,
): Promise<Record<string, Load[]>> {
  const loads: Record<string, Load[]> = {};
  for (let round = 0; round < times; round++) {
    for (const [name, port] of Object.entries(ports)) {
      loads[name] ??= [];
      loads[name].push(await load(port));
    }
  }
  return loads;
}

function medians(loads: readonly Load[]): GatewayFigures {
  return {
    requestsPerSecond: Math.round(median(loads.map(({ requestsPerSecond }) => requestsPerSecond))),
    p50Ms: round2(median(loads.map(({ p50Ms }) => p50Ms))),
    p99Ms: round2(median(loads.map(({ p99Ms }) => p99Ms))),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
