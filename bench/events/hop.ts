import { percentile } from "../checkout/percentile.ts";
import { startChild } from "./child.ts";
import type { Moments } from "./clock.ts";
import type { Servers } from "./servers.ts";

/** From the commit of the transaction that announces to the commit of the one that takes the event in, in ms. */
export interface HopResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const warmUp = 1_000;
const events = 6_000;
/** While so many old events are deleted, so many are announced. */
const old = 200_000;
const eventsMeanwhile = 2_000;

/** Measures at 200 events a second, between two processes; takes about 50 seconds. */
export async function measureHop({ postgresUrl, natsUrl }: Servers): Promise<{ alone: HopResult; pruning: HopResult }> {
  const announcer = startChild("announce-child.ts", [postgresUrl, natsUrl]);
  const receiver = startChild("receive-child.ts", [postgresUrl, natsUrl]);
  try {
    await announcer.ask("start", old);
    const measure = async (command: "flow" | "flowAndPrune", count: number) => {
      const [announced, taken] = await Promise.all([
        announcer.ask<Moments>(command, count),
        receiver.ask<Moments>("taken", count),
      ]);
      return hopOf(announced, new Map(taken));
    };
    await measure("flow", warmUp);
    return { alone: await measure("flow", events), pruning: await measure("flowAndPrune", eventsMeanwhile) };
  } finally {
    announcer.end();
    receiver.end();
  }
}

function hopOf(announced: Moments, takenAt: ReadonlyMap<string, number>): HopResult {
  const latencies = announced.map(([key, at]) => (takenAt.get(key) ?? Number.NaN) - at);
  return { p50Ms: percentile(latencies, 50), p99Ms: percentile(latencies, 99), maxMs: percentile(latencies, 100) };
}
