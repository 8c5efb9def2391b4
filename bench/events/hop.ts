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

/** Measures at 200 events a second, between two processes; takes about 40 seconds. */
export async function measureHop({ postgresUrl, natsUrl }: Servers): Promise<HopResult> {
  const announcer = startChild("announce-child.ts", [postgresUrl, natsUrl]);
  const receiver = startChild("receive-child.ts", [postgresUrl, natsUrl]);
  try {
    let latencies: number[] = [];
    for (const count of [warmUp, events]) {
      const [announced, taken] = await Promise.all([
        announcer.ask<Moments>("flow", count),
        receiver.ask<Moments>("taken", count),
      ]);
      const takenAt = new Map(taken);
      latencies = announced.map(([key, at]) => (takenAt.get(key) ?? Number.NaN) - at);
    }
    return { p50Ms: percentile(latencies, 50), p99Ms: percentile(latencies, 99), maxMs: percentile(latencies, 100) };
  } finally {
    announcer.end();
    receiver.end();
  }
}
