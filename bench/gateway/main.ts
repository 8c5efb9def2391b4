import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type CallName, calls } from "./calls.ts";
import { generateLoad, type Load } from "./load.ts";

/** What one call cost through each gateway: medians over the rounds. */
export interface GatewayFigures {
  readonly heddleRequestsPerSecond: number;
  readonly fastifyRequestsPerSecond: number;
  /** Heddle divided by fastify. */
  readonly ratio: number;
  readonly heddleP50Ms: number;
  readonly fastifyP50Ms: number;
  readonly heddleP99Ms: number;
  readonly fastifyP99Ms: number;
}

const rounds = 5;
const roundMs = 1_200;
const warmUpMs = 1_500;
const connections = 16;

/**
 * Measures REST calls through the gateway against fastify with a hand-written grpc-js proxy of the same contract and
 * upstream, each in a process of its own, in alternating rounds. Takes about half a minute.
 */
export async function runGatewayBench(): Promise<Record<CallName, GatewayFigures>> {
  const children: ChildProcess[] = [];
  try {
    const upstream = await startChild("upstream.ts", "", children);
    const heddle = Number(await startChild("heddle.ts", upstream, children));
    const fastify = Number(await startChild("fastify.ts", upstream, children));
    await expectEqualAnswers(heddle, fastify);
    return {
      "POST /v1/sessions": await compare("POST /v1/sessions", heddle, fastify),
      "GET /v1/products/{id}": await compare("GET /v1/products/{id}", heddle, fastify),
    };
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

async function compare(name: CallName, heddle: number, fastify: number): Promise<GatewayFigures> {
  const ours: Load[] = [];
  const theirs: Load[] = [];
  for (const port of [heddle, fastify]) await generateLoad(port, calls[name], { connections, durationMs: warmUpMs });
  for (let round = 0; round < rounds; round++) {
    ours.push(await generateLoad(heddle, calls[name], { connections, durationMs: roundMs }));
    theirs.push(await generateLoad(fastify, calls[name], { connections, durationMs: roundMs }));
  }
  const rate = (loads: Load[]) => median(loads.map(({ requestsPerSecond }) => requestsPerSecond));
  return {
    heddleRequestsPerSecond: Math.round(rate(ours)),
    fastifyRequestsPerSecond: Math.round(rate(theirs)),
    ratio: round2(rate(ours) / rate(theirs)),
    heddleP50Ms: round2(median(ours.map(({ p50Ms }) => p50Ms))),
    fastifyP50Ms: round2(median(theirs.map(({ p50Ms }) => p50Ms))),
    heddleP99Ms: round2(median(ours.map(({ p99Ms }) => p99Ms))),
    fastifyP99Ms: round2(median(theirs.map(({ p99Ms }) => p99Ms))),
  };
}

/** A comparison of two that do not do the same would say nothing. */
async function expectEqualAnswers(heddle: number, fastify: number): Promise<void> {
  for (const request of Object.values(calls)) {
    const [method = "", path = ""] = request.split(" ");
    const body = request.split("\r\n\r\n")[1] || null;
    const headers = body ? { "content-type": "application/json" } : {};
    const ask = async (port: number) =>
      JSON.stringify(await (await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, body })).json());
    const answers = await Promise.all([ask(heddle), ask(fastify)]);
    if (answers[0] !== answers[1]) throw new Error(`${method} ${path}: the gateways answer differently: ${answers}`);
  }
}

async function startChild(file: string, argument: string, children: ChildProcess[]): Promise<string> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [argument], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  children.push(child);
  const [started] = await Promise.race([once(child, "message"), once(child, "exit")]);
  if (typeof started !== "string") throw new Error(`${file} did not start`);
  return started;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
