import type { AdmissionPolicy } from "#mesh/contract";
import type { LatencyTracker } from "./latency.ts";

/** What a server decides about a call before it works on it. */
export type AdmissionDecision =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      /** No time: it would not be ready before its deadline. Overload: the event loop is late. */
      readonly reason: "no_time" | "overload";
      readonly message: string;
    };

/** What a decision depends on. */
export interface AdmissionState {
  /** Undefined: everything is taken in. */
  readonly policy: AdmissionPolicy | undefined;
  /** Until the call's deadline; Infinity when it has none. */
  readonly remainingMs: number;
  /** Recent calls of the same method at this server. */
  readonly latency: LatencyTracker;
  /** By how much the event loop is late. */
  readonly eventLoopLagMs: number;
  readonly now: number;
  /** Draws evenly from 0 to under 1. */
  readonly random: () => number;
}

/** Part of the calls that are taken in though they look hopeless: without them a recovery would not be noticed. */
const trialPart = 0.1;

/**
 * Refuses a call that is not likely to be ready in time, because work on it would be thrown away and would delay others.
 * "No time" leaves as DEADLINE_EXCEEDED, since trying again would not help; "overload" as UNAVAILABLE, since another
 * endpoint may have room, and no work was done on it.
 */
export function decideAdmission(state: AdmissionState): AdmissionDecision {
  const { policy, remainingMs, latency, eventLoopLagMs, now } = state;
  if (!policy) return { admitted: true };
  if (remainingMs <= 0) return noTime("the deadline had passed when the call arrived");
  if (eventLoopLagMs > policy.maxEventLoopLagMs) {
    const message = `the event loop is ${Math.round(eventLoopLagMs)} ms late`;
    return { admitted: false, reason: "overload", message };
  }
  const usual = latency.quantile(policy.quantile, policy.minSamples, now);
  if (usual === undefined || usual + eventLoopLagMs <= remainingMs) return { admitted: true };
  if (state.random() < trialPart) return { admitted: true };
  return noTime(`${Math.round(remainingMs)} ms are left, and such calls take ${Math.round(usual)} ms`);
}

function noTime(message: string): AdmissionDecision {
  return { admitted: false, reason: "no_time", message };
}
