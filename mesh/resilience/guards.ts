import type { CallPolicy, TargetPolicy } from "#mesh/contract";
import { createBreaker } from "./breaker.ts";
import { createBulkhead } from "./bulkhead.ts";
import type { CallGuards } from "./call.ts";
import { createEjection } from "./ejection.ts";
import { createLastAnswers } from "./last-answers.ts";
import { createLatencyTracker } from "./latency.ts";
import { createRetryBudget } from "./retry-budget.ts";

/** Answers kept for each method with `fallback: {cached}`. */
const answersKept = 1000;

/** The guards of one target: what its methods share, and what each has for itself. */
export interface TargetGuards<T> {
  /** Those of one method, by its full name. The same ones for the same name, as long as the target lives. */
  of(method: string, policy: CallPolicy): CallGuards<T>;
  readonly shared: Pick<CallGuards<T>, "breaker" | "bulkhead" | "budget" | "ejection">;
  /** All methods that were called, for those who look. */
  methods(): ReadonlyMap<string, CallGuards<T>>;
}

/** Creates the guards of a target. */
export function createTargetGuards<T>(target: TargetPolicy): TargetGuards<T> {
  const shared = {
    breaker: target.breaker && createBreaker(target.breaker),
    bulkhead: target.bulkhead && createBulkhead(target.bulkhead),
    budget: target.budget && createRetryBudget(target.budget),
    ejection: target.ejection && createEjection(target.ejection),
  };
  const methods = new Map<string, CallGuards<T>>();
  return {
    of(method, policy) {
      const known = methods.get(method);
      if (known) return known;
      const guards = {
        ...shared,
        breaker: policy.own.breaker ? policy.breaker && createBreaker(policy.breaker) : shared.breaker,
        bulkhead: policy.own.bulkhead ? policy.bulkhead && createBulkhead(policy.bulkhead) : shared.bulkhead,
        latency: createLatencyTracker(),
        answers: policy.fallback?.answer === "cached" ? createLastAnswers<T>(answersKept) : undefined,
      };
      methods.set(method, guards);
      return guards;
    },
    shared,
    methods: () => methods,
  };
}
