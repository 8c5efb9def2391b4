import fc from "fast-check";
import { Code } from "#gen/google/rpc/code_pb.ts";
import type {
  AdmissionPolicy,
  BreakerPolicy,
  BudgetPolicy,
  CallPolicy,
  EjectionPolicy,
  HedgePolicy,
  RetryPolicy,
} from "#mesh/contract";

export const breakerPolicy: BreakerPolicy = {
  consecutiveFailures: 3,
  failureRate: 0.5,
  minVolume: 10,
  windowMs: 10_000,
  openMs: 5000,
  probes: 1,
  successesToClose: 2,
  probeDeadlineMs: 1000,
};

export const ejectionPolicy: EjectionPolicy = {
  consecutiveFailures: 3,
  failureRate: 0.5,
  minVolume: 10,
  windowMs: 10_000,
  baseMs: 1000,
  maxMs: 3000,
  maxPercent: 50,
};

export const budgetPolicy: BudgetPolicy = { ratio: 0.2, minPerSecond: 1, ttlMs: 10_000 };

export const retryPolicy: RetryPolicy = {
  maxAttempts: 3,
  initialBackoffMs: 25,
  maxBackoffMs: 250,
  attemptTimeoutMs: Number.POSITIVE_INFINITY,
  codes: new Set([Code.UNAVAILABLE]),
};

export const hedgePolicy: HedgePolicy = { maxAttempts: 2, quantile: 0.95, minDelayMs: 5, minSamples: 10 };

export const admissionPolicy: AdmissionPolicy = { maxEventLoopLagMs: 100, quantile: 0.5, minSamples: 10 };

/** A policy that does nothing but what a test adds. */
export function callPolicy(more: Partial<CallPolicy> = {}): CallPolicy {
  return {
    deadlineMs: 10_000,
    idempotent: true,
    retry: undefined,
    hedge: undefined,
    budget: undefined,
    breaker: undefined,
    bulkhead: undefined,
    balance: {
      algorithm: "round_robin",
      affinity: undefined,
      subsetSize: 0,
      preferZone: false,
      panicThreshold: 0.5,
    },
    ejection: undefined,
    admission: undefined,
    fallback: undefined,
    own: { breaker: false, bulkhead: false },
    ...more,
  };
}

/** Any code. */
export const anyCode: fc.Arbitrary<Code> = fc.constantFrom(...Object.values(Code));
