import { type CallName, calls } from "./calls.ts";
import { expectEqualAnswers } from "./equal-answers.ts";
import { startGrpcGateway } from "./grpc-gateway.ts";
import { generateLoad, generatePacedLoad, type Load } from "./load.ts";
import { measureMemory } from "./memory.ts";
import { Processes, type Server } from "./processes.ts";
import { processorMs } from "./processor-time.ts";

/** What a benchmark found for one call through one gateway: medians over the rounds. */
export interface GatewayFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the gateway's process for a request, in microseconds. */
  readonly cpuMicros: number;
  /** Heddle's rate divided by this one's. */
  readonly heddleAgainstIt?: number;
  /** This one's processor time divided by Heddle's. */
  readonly cpuAgainstIt?: number;
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
const connections = 64;
const paced = { connections: 64, durationMs: 5_000, perSecond: 1_000 };

type Servers = Readonly<Record<string, Server>>;

/** A stretch of load, and what it has cost the gateway. */
interface Measured extends Load {
  readonly cpuMicros: number;
}

const portsOf = (servers: Servers) => Object.values(servers).map(({ port }) => port);

/**
 * Measures the gateway against others of the same contract and upstream, each in a process of its own, in alternating
 * rounds: against fastify with a hand-written grpc-js proxy, against Connect's adapter with its gRPC transport, beside
 * node:http with protobuf-es and nobody behind, and, if wanted, beside grpc-gateway in Go on one processor. Then what each
 * adds at 1,000 requests a second. Takes about five minutes.
 */
export async function runGatewayBench(options: GatewayBenchOptions): Promise<object> {
  using processes = new Processes();
  const upstream = await processes.start("upstream.ts");
  if (options.memory) return await measureMemory(processes, upstream);
  const heddle = await processes.startServer("heddle.ts", upstream);
  const fastify = await processes.startServer("fastify.ts", upstream);
  const connect = await processes.startServer("connect.ts", upstream);
  const plain = await processes.startServer("plain.ts");
  const go = options.go ? await startGrpcGateway(processes, upstream) : undefined;
  const withGo: Servers = go === undefined ? {} : { "grpc-gateway": go };
  const rest = { heddle, "fastify + grpc-js": fastify, ...withGo };
  const rpc = { heddle, "connectNodeAdapter + createGrpcTransport": connect };
  await expectEqualAnswers(["POST /v1/sessions", "GET /v1/products/{id}"], portsOf(rest));
  await expectEqualAnswers(["Connect JSON CreateSession", "Connect proto CreateSession"], portsOf(rpc));
  return {
    ...(await compare("POST /v1/sessions", { ...rest, "node:http, nobody behind": plain })),
    ...(await compare("GET /v1/products/{id}", rest)),
    ...(await compare("Connect JSON CreateSession", rpc)),
    ...(await compare("Connect proto CreateSession", rpc)),
    ...(await compareAtRate({ "node:http, nobody behind": plain, ...rest })),
  };
}

async function compare(call: CallName, servers: Servers): Promise<Record<string, GatewayFigures>> {
  const load = (durationMs: number) => (server: Server) =>
    measure(server, (port) => generateLoad(port, calls[call], { connections, durationMs }));
  await alternate(servers, 1, load(warmUpMs));
  const loads = await alternate(servers, rounds, load(roundMs));
  const own = medians(loads.heddle ?? []);
  return Object.fromEntries(
    Object.entries(loads).map(([name, each]) => {
      const figures = medians(each);
      const ratios = {
        heddleAgainstIt: round2(own.requestsPerSecond / figures.requestsPerSecond),
        cpuAgainstIt: round2(figures.cpuMicros / own.cpuMicros),
      };
      return [`${call}: ${name}`, { ...figures, ...(name === "heddle" ? {} : ratios) }];
    }),
  );
}

async function measure({ port, pid }: Server, generate: (port: number) => Promise<Load>): Promise<Measured> {
  const before = processorMs(pid);
  const load = await generate(port);
  return { ...load, cpuMicros: ((processorMs(pid) - before) * 1_000) / load.requests };
}

/** The first of the servers is what the others' latency is added to. */
async function compareAtRate(servers: Servers): Promise<Record<string, object>> {
  const load = (port: number) => generatePacedLoad(port, calls["POST /v1/sessions"], paced);
  const loads = await alternate(servers, 3, (server) => measure(server, load));
  const all = Object.entries(loads).map(([name, each]) => [name, medians(each)] as const);
  const [, base] = all[0] ?? [];
  return Object.fromEntries(
    all.map(([name, { p50Ms, p99Ms, cpuMicros }]) => {
      const added = base && { addedP50Ms: round2(p50Ms - base.p50Ms), addedP99Ms: round2(p99Ms - base.p99Ms) };
      return [`POST /v1/sessions at ${paced.perSecond}/s: ${name}`, { p50Ms, p99Ms, cpuMicros, ...added }];
    }),
  );
}

async function alternate<T>(
  servers: Servers,
  times: number,
  load: (server: Server) => Promise<T>,
): Promise<Record<string, T[]>> {
  const loads: Record<string, T[]> = {};
  for (let round = 0; round < times; round++) {
    for (const [name, server] of Object.entries(servers)) {
      loads[name] ??= [];
      loads[name].push(await load(server));
    }
  }
  return loads;
}

function medians(loads: readonly Measured[]): GatewayFigures {
  return {
    requestsPerSecond: Math.round(median(loads.map(({ requestsPerSecond }) => requestsPerSecond))),
    cpuMicros: Math.round(median(loads.map(({ cpuMicros }) => cpuMicros))),
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
