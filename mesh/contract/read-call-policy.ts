import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { durationMs, MethodOptions_IdempotencyLevel as IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { type Policy, policy as policyOption, server as serverOption } from "#gen/heddle/v1/policy_pb.ts";
import type {
  BalancePolicy,
  BudgetPolicy,
  CallPolicy,
  FallbackPolicy,
  HedgePolicy,
  RetryPolicy,
  TargetPolicy,
} from "./call-policy.ts";
import { createFaults, type Faults } from "./faults.ts";
import { readBalance } from "./read-balance.ts";
import { readDuration } from "./read-duration.ts";
import { readAdmission, readBreaker, readBulkhead, readEjection } from "./read-guards.ts";
import { readBudget, readHedge, readRetry } from "./read-retry.ts";

/** Default and bounds of a method's deadline; a stream may go on for longer than a call. */
const deadlineBounds = { option: "deadline", defaultMs: 10_000, maxMs: 300_000 };
const streamDeadlineBounds = { ...deadlineBounds, maxMs: 86_400_000 };
const cachedBounds = { option: "fallback.cached", defaultMs: 60_000, maxMs: 86_400_000 };

/** Faults of what a service declares for all its methods show once, at the service; here they are dropped. */
const silent: Faults = { add: () => undefined, throwIfAny: () => undefined };

/** Reads and checks what a service declares for all its methods. */
export function readTargetPolicy(service: DescService, faults: Faults): TargetPolicy {
  const { budget, breaker, bulkhead, ejection, admission } = getOption(service, serverOption);
  return {
    budget: readBudget(budget, service, faults),
    breaker: readBreaker(breaker, service, faults),
    bulkhead: readBulkhead(bulkhead, service, faults),
    ejection: readEjection(ejection, service, faults),
    admission: readAdmission(admission, service, faults),
  };
}

/** Notes what is wrong with what a service declares for all its methods. */
export function checkServer(service: DescService, faults: Faults): void {
  readTargetPolicy(service, faults);
  readRetry(getOption(service, serverOption).retry, service, faults);
}

/** Reads and checks how a method is called: what it says itself, else what its service says, else the defaults. */
export function readCallPolicy(method: DescMethod, faults: Faults): CallPolicy {
  const own = getOption(method, policyOption);
  const target = readTargetPolicy(method.parent, silent);
  const hedge = readMethodHedge(method, target.budget, faults);
  return {
    ...target,
    deadlineMs: readDeadline(method, own, faults),
    idempotent: isIdempotent(method),
    retry: hedge ? undefined : readMethodRetry(method, faults),
    hedge,
    breaker: own.breaker ? readBreaker(own.breaker, method, faults) : target.breaker,
    bulkhead: own.bulkhead ? readBulkhead(own.bulkhead, method, faults) : target.bulkhead,
    balance: readMethodBalance(method, faults),
    fallback: readFallback(method, own, faults),
    own: { breaker: own.breaker !== undefined, bulkhead: own.bulkhead !== undefined },
  };
}

/**
 * What all methods of a service share, for callers that do not read the contract as a whole.
 * Throws a ContractError when what it declares is at odds with itself.
 */
export function targetPolicyOf(service: DescService): TargetPolicy {
  const faults = createFaults();
  const policy = readTargetPolicy(service, faults);
  faults.throwIfAny();
  return policy;
}

/**
 * How a method is called, for callers that do not read the contract as a whole.
 * Throws a ContractError when what it declares is at odds with itself.
 */
export function callPolicyOf(method: DescMethod): CallPolicy {
  const faults = createFaults();
  checkServer(method.parent, faults);
  const policy = readCallPolicy(method, faults);
  faults.throwIfAny();
  return policy;
}

/** How long a call of a method may take, in milliseconds: its policy's deadline, else 10 s. Infinity without a policy. */
export function declaredDeadlineMs(method: DescMethod): number {
  if (!hasOption(method, policyOption)) return Number.POSITIVE_INFINITY;
  const { deadline } = getOption(method, policyOption);
  return deadline ? durationMs(deadline) : deadlineBounds.defaultMs;
}

function readDeadline(method: DescMethod, { deadline }: Policy, faults: Faults): number {
  if (!hasOption(method, policyOption)) return Number.POSITIVE_INFINITY;
  const bounds = method.methodKind === "unary" ? deadlineBounds : streamDeadlineBounds;
  return readDuration(deadline, method, bounds, faults);
}

function isIdempotent({ idempotency }: DescMethod): boolean {
  return idempotency === IdempotencyLevel.IDEMPOTENT || idempotency === IdempotencyLevel.NO_SIDE_EFFECTS;
}

function readMethodRetry(method: DescMethod, faults: Faults): RetryPolicy | undefined {
  const own = getOption(method, policyOption);
  const shared = getOption(method.parent, serverOption);
  if (isIdempotent(method)) {
    return own.retry ? readRetry(own.retry, method, faults) : readRetry(shared.retry, method.parent, silent);
  }
  const declared = own.retry && readRetry(own.retry, method, faults);
  if (declared) {
    faults.add(
      method,
      "it is retried though a second attempt may not be safe",
      "add option idempotency_level when it is, or drop retry",
    );
  }
  return undefined;
}

function readMethodHedge(
  method: DescMethod,
  budget: BudgetPolicy | undefined,
  faults: Faults,
): HedgePolicy | undefined {
  const { hedge, retry } = getOption(method, policyOption);
  if (!hedge) return undefined;
  if (!isIdempotent(method)) {
    faults.add(
      method,
      "it is hedged though a second attempt may not be safe",
      "add option idempotency_level when it is, or drop hedge",
    );
  }
  if (!budget) faults.add(method, "it is hedged without a budget", "drop unlimited from the service's budget");
  if (budget && budget.ratio === 0 && budget.minPerSecond === 0) {
    faults.add(method, "it is hedged, and the service's budget allows nothing", "allow something or drop hedge");
  }
  if (retry) faults.add(method, "it is both retried and hedged", "drop retry: a failed hedge goes on at once");
  if (method.methodKind !== "unary") faults.add(method, "a stream cannot be hedged", "drop hedge");
  return readHedge(hedge, method, faults);
}

function readMethodBalance(method: DescMethod, faults: Faults): BalancePolicy {
  const own = getOption(method, policyOption);
  const shared = getOption(method.parent, serverOption);
  if (own.balance) return readBalance(own.balance, { method, element: method }, faults);
  return readBalance(shared.balance, { method, element: method.parent }, faults);
}

function readFallback(method: DescMethod, { fallback }: Policy, faults: Faults): FallbackPolicy | undefined {
  if (!fallback) return undefined;
  const { answer } = fallback;
  if (method.idempotency !== IdempotencyLevel.NO_SIDE_EFFECTS || method.methodKind !== "unary") {
    const mend = "give it to a unary method with idempotency_level = NO_SIDE_EFFECTS, or drop it";
    faults.add(method, "a fallback would hide that nothing was done", mend);
  }
  if (answer.case === "cached") {
    return { answer: "cached", maxAgeMs: readDuration(answer.value, method, cachedBounds, faults) };
  }
  if (answer.case === "empty" && answer.value) return { answer: "empty" };
  faults.add(method, "fallback says nothing", "set cached or empty: true");
  return undefined;
}
