import type { DescField } from "@bufbuild/protobuf";
import type { Code } from "#gen/google/rpc/code_pb.ts";

/** What the calls of all methods of a service share, where a method has no part of its own. */
export interface TargetPolicy {
  /** Undefined: retries without a limit. */
  readonly budget: BudgetPolicy | undefined;
  /** Undefined: no breaker. */
  readonly breaker: BreakerPolicy | undefined;
  /** Undefined: no bulkhead. */
  readonly bulkhead: BulkheadPolicy | undefined;
  /** Undefined: no endpoint is ejected. */
  readonly ejection: EjectionPolicy | undefined;
  /** Undefined: the server takes in everything. */
  readonly admission: AdmissionPolicy | undefined;
}

/** How callers call one method: all that its contract says or leaves to the defaults. Times are in milliseconds. */
export interface CallPolicy extends TargetPolicy {
  /** Longest duration of a call. Infinity for a method without a policy, such as health checks. */
  readonly deadlineMs: number;
  /** Whether trying again is safe: IDEMPOTENT or NO_SIDE_EFFECTS. */
  readonly idempotent: boolean;
  /** Undefined: a call is tried again only when its request certainly had no effect. */
  readonly retry: RetryPolicy | undefined;
  /** Undefined: no attempt starts while another is under way. */
  readonly hedge: HedgePolicy | undefined;
  readonly balance: BalancePolicy;
  /** Undefined: the error itself is the answer. */
  readonly fallback: FallbackPolicy | undefined;
  /** Whether the method has that part for itself, or shares the service's. */
  readonly own: { readonly breaker: boolean; readonly bulkhead: boolean };
}

/** Further attempts after failures. */
export interface RetryPolicy {
  /** Attempts in all, 2 or more. */
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Infinity: as long as the call. */
  readonly attemptTimeoutMs: number;
  readonly codes: ReadonlySet<Code>;
}

/** Further attempts beside one that is slow. */
export interface HedgePolicy {
  /** Attempts in all, 2 or more. */
  readonly maxAttempts: number;
  /** Part of the recent calls that are faster than the delay, such as 0.95. */
  readonly quantile: number;
  readonly minDelayMs: number;
  readonly minSamples: number;
}

/** How much may be retried and hedged. */
export interface BudgetPolicy {
  /** Further attempts for each call. */
  readonly ratio: number;
  readonly minPerSecond: number;
  readonly ttlMs: number;
}

/** When a breaker opens and closes. */
export interface BreakerPolicy {
  readonly consecutiveFailures: number;
  /** Over 0 to 1. */
  readonly failureRate: number;
  readonly minVolume: number;
  readonly windowMs: number;
  readonly openMs: number;
  /** Probes at one time. */
  readonly probes: number;
  readonly successesToClose: number;
  readonly probeDeadlineMs: number;
}

/** How much may be under way. */
export interface BulkheadPolicy {
  readonly maxConcurrent: number;
  readonly maxQueue: number;
  readonly maxWaitMs: number;
}

/** A way to choose among endpoints. */
export type BalanceAlgorithmName = "least_requests" | "round_robin" | "random" | "weighted" | "ring_hash";

/** How an endpoint is chosen. */
export interface BalancePolicy {
  readonly algorithm: BalanceAlgorithmName;
  /** Field of the request whose value keeps to one endpoint. Set for ring_hash only. */
  readonly affinity: DescField | undefined;
  /** 0: all endpoints. */
  readonly subsetSize: number;
  readonly preferZone: boolean;
  /** All endpoints are used when less than this part of them is well, 0 to 1. */
  readonly panicThreshold: number;
}

/** When an endpoint is left out for a while. */
export interface EjectionPolicy {
  readonly consecutiveFailures: number;
  /** Over 0 to 1. */
  readonly failureRate: number;
  readonly minVolume: number;
  readonly windowMs: number;
  readonly baseMs: number;
  readonly maxMs: number;
  /** 0 to 100. */
  readonly maxPercent: number;
}

/** What a server refuses at once. */
export interface AdmissionPolicy {
  readonly maxEventLoopLagMs: number;
  /** 0 to under 1. */
  readonly quantile: number;
  readonly minSamples: number;
}

/** What answers when the service cannot. */
export type FallbackPolicy =
  | { readonly answer: "empty" }
  /** The last answer to the same request of the same caller. */
  | { readonly answer: "cached"; readonly maxAgeMs: number };
