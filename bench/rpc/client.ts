/**
 * A client of the benchmark, in a process of its own. Says when it is ready; then for each message from the parent it
 * calls for a while, and answers with what came of it.
 */
import { performance } from "node:perf_hooks";
import { percentile } from "../checkout/percentile.ts";
import { createCalls } from "./calls.ts";
import { response } from "./contract.ts";
import { type ClientSettings, readSettings } from "./settings.ts";

/** What a client is to do: keep calls in flight, or begin so many a second whatever becomes of those before. */
export type ClientLoad = { readonly durationMs: number } & (
  | { readonly inFlight: number }
  | { readonly callsPerSecond: number }
);

/** What came of it. */
export interface ClientResult {
  readonly calls: number;
  readonly failed: number;
  readonly durationMs: number;
  /** Processor time that the client used, in microseconds. */
  readonly cpuMicros: number;
  /** Of single calls, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const call = await createCalls(readSettings<ClientSettings>());
expectOrder(await call());
const latencies: number[] = [];
let failed = 0;

process.on("disconnect", () => process.exit());
process.on("message", async (load: ClientLoad) => {
  process.send?.(await run(load));
});
process.send?.("ready");

async function run(load: ClientLoad): Promise<ClientResult> {
  latencies.length = 0;
  failed = 0;
  const startedAt = performance.now();
  const before = process.cpuUsage();
  await ("inFlight" in load ? closedLoop(load, startedAt) : openLoop(load, startedAt));
  const { user, system } = process.cpuUsage(before);
  return {
    calls: latencies.length,
    failed,
    durationMs: performance.now() - startedAt,
    cpuMicros: user + system,
    p50: percentile(latencies, 50),
    p99: percentile(latencies, 99),
  };
}

async function closedLoop({ inFlight, durationMs }: Extract<ClientLoad, { inFlight: number }>, startedAt: number) {
  const again = async () => {
    while (performance.now() - startedAt < durationMs) await timed();
  };
  await Promise.all(Array.from({ length: inFlight }, again));
}

/** A timer that is late makes up for it, so that the rate holds. */
async function openLoop(
  { callsPerSecond, durationMs }: Extract<ClientLoad, { callsPerSecond: number }>,
  startedAt: number,
): Promise<void> {
  const begun: Promise<void>[] = [];
  for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs = performance.now() - startedAt) {
    while (begun.length < (elapsedMs / 1000) * callsPerSecond) begun.push(timed());
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(begun);
}

async function timed(): Promise<void> {
  const startedAt = performance.now();
  try {
    await call();
  } catch {
    // Counted: whether failures are allowed is the measurement's affair.
    failed++;
  }
  latencies.push(performance.now() - startedAt);
}

/** The answer is looked at once; a client that cannot call ends there, with the reason. */
function expectOrder(answer: unknown): void {
  const wanted = response.order?.items.map(({ name }) => name).join();
  const { order } = answer as Partial<typeof response>;
  if (order?.items.map(({ name }) => name).join() !== wanted) throw new Error("the answer is not the order");
}
