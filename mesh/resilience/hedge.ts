import type { HedgePolicy } from "#mesh/contract";
import type { LatencyTracker } from "./latency.ts";

/**
 * How long to wait for an answer before another attempt starts, in milliseconds: what the policy's part of the method's
 * recent calls took. Undefined, for never, until enough calls are known ("The Tail at Scale": a delay at the 95th
 * percentile costs about 5 % more calls).
 */
export function hedgeDelayMs(policy: HedgePolicy, latency: LatencyTracker, now: number): number | undefined {
  const usual = latency.quantile(policy.quantile, policy.minSamples, now);
  return usual === undefined ? undefined : Math.max(policy.minDelayMs, usual);
}
