import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, CodeSchema } from "#gen/google/rpc/code_pb.ts";
import type { Hedge, Retry, RetryBudget } from "#gen/heddle/v1/policy_pb.ts";
import type { BudgetPolicy, HedgePolicy, RetryPolicy } from "./call-policy.ts";
import type { Faults } from "./faults.ts";
import { readDuration } from "./read-duration.ts";
import { readNumber } from "./read-number.ts";

/** What may be a passing state of the server. Every other code says something about the request, and would say it again. */
const passing: ReadonlySet<Code> = new Set([
  Code.UNAVAILABLE,
  Code.RESOURCE_EXHAUSTED,
  Code.DEADLINE_EXCEEDED,
  Code.ABORTED,
  Code.INTERNAL,
  Code.UNKNOWN,
]);

const maxAttempts = { option: "retry.max_attempts", default: 3, min: 1, max: 5 };
const initialBackoff = { option: "retry.initial_backoff", defaultMs: 25, maxMs: 60_000 };
const maxBackoff = { option: "retry.max_backoff", defaultMs: 250, maxMs: 60_000 };
const attemptTimeout = { option: "retry.attempt_timeout", defaultMs: Number.POSITIVE_INFINITY, maxMs: 300_000 };

/** Reads when a call is tried again; undefined when never. */
export function readRetry(
  retry: Retry | undefined,
  element: DescMethod | DescService,
  faults: Faults,
): RetryPolicy | undefined {
  const attempts = readNumber(retry?.maxAttempts, element, maxAttempts, faults);
  const initialBackoffMs = readDuration(retry?.initialBackoff, element, initialBackoff, faults);
  const longest = { ...maxBackoff, defaultMs: Math.max(maxBackoff.defaultMs, initialBackoffMs) };
  const maxBackoffMs = readDuration(retry?.maxBackoff, element, longest, faults);
  const attemptTimeoutMs = readDuration(retry?.attemptTimeout, element, attemptTimeout, faults);
  if (maxBackoffMs < initialBackoffMs) {
    faults.add(element, "retry.max_backoff is shorter than initial_backoff", "make it as long or longer");
  }
  const codes = retry && retry.codes.length > 0 ? retry.codes : standardCodes(attemptTimeoutMs);
  if (Number.isFinite(attemptTimeoutMs) && !codes.includes(Code.DEADLINE_EXCEEDED)) {
    faults.add(
      element,
      "retry.attempt_timeout ends attempts that codes does not retry",
      "add DEADLINE_EXCEEDED to codes",
    );
  }
  for (const code of codes.filter((candidate) => !passing.has(candidate))) {
    const names = [...passing].map(nameOf).join(", ");
    faults.add(element, `retry.codes has ${nameOf(code)}, which trying again does not change`, `name ${names}`);
  }
  if (attempts < 2) return undefined;
  return { maxAttempts: attempts, initialBackoffMs, maxBackoffMs, attemptTimeoutMs, codes: new Set(codes) };
}

/** An attempt that was cut short for being slow is tried again, else there were no sense in cutting it short. */
function standardCodes(attemptTimeoutMs: number): readonly Code[] {
  return Number.isFinite(attemptTimeoutMs) ? [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED] : [Code.UNAVAILABLE];
}

function nameOf(code: Code): string {
  return CodeSchema.value[code]?.name ?? String(code);
}

const hedgeAttempts = { option: "hedge.max_attempts", default: 2, min: 2, max: 5 };
const hedgeQuantile = { option: "hedge.quantile", default: 0.95, min: 0.5, max: 1, overMin: true, underMax: true };
const hedgeDelay = { option: "hedge.min_delay", defaultMs: 5, maxMs: 300_000 };
const hedgeSamples = { option: "hedge.min_samples", default: 100, min: 10, max: 10_000 };

/** Reads when a second attempt starts beside the first. */
export function readHedge(hedge: Hedge, method: DescMethod, faults: Faults): HedgePolicy {
  return {
    maxAttempts: readNumber(hedge.maxAttempts, method, hedgeAttempts, faults),
    quantile: readNumber(hedge.quantile, method, hedgeQuantile, faults),
    minDelayMs: readDuration(hedge.minDelay, method, hedgeDelay, faults),
    minSamples: readNumber(hedge.minSamples, method, hedgeSamples, faults),
  };
}

const ratio = { option: "budget.ratio", default: 0.2, min: 0, max: 1 };
const minPerSecond = { option: "budget.min_per_second", default: 10, min: 0, max: 1000 };
const ttl = { option: "budget.ttl", defaultMs: 10_000, minMs: 1000, maxMs: 60_000 };

/** Reads how much may be retried and hedged; undefined for no limit. */
export function readBudget(
  budget: RetryBudget | undefined,
  service: DescService,
  faults: Faults,
): BudgetPolicy | undefined {
  const read = {
    ratio: readNumber(budget?.ratio, service, ratio, faults),
    minPerSecond: readNumber(budget?.minPerSecond, service, minPerSecond, faults),
    ttlMs: readDuration(budget?.ttl, service, ttl, faults),
  };
  if (!budget?.unlimited) return read;
  if (budget.ratio !== undefined || budget.minPerSecond !== undefined || budget.ttl) {
    faults.add(service, "budget is unlimited and limited", "drop unlimited or the limits");
  }
  return undefined;
}
