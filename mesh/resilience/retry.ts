import type { RetryPolicy } from "#mesh/contract";
import { backoffMs } from "./backoff.ts";
import type { Failure } from "./outcome.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** Why a call is not tried again. */
export type StopReason =
  | "answered"
  | "no_policy"
  | "not_retryable"
  | "committed"
  | "attempts_used_up"
  | "pushback"
  | "no_time"
  | "budget_empty"
  | "no_endpoint"
  | "ended";

/** What is decided after a failed attempt. */
export type RetryDecision =
  | { readonly again: true; readonly delayMs: number; readonly transparent: boolean }
  | { readonly again: false; readonly reason: StopReason };

/** What a decision depends on. */
export interface RetryState {
  readonly policy: RetryPolicy | undefined;
  readonly failure: Failure;
  /** Attempts made that count: transparent ones do not. */
  readonly attempts: number;
  /** Whether the call has had its transparent retries. */
  readonly transparentUsed: boolean;
  /** Until the call's deadline. */
  readonly remainingMs: number;
  readonly now: number;
  readonly random: () => number;
  /** Undefined: without a limit. */
  readonly budget: RetryBudget | undefined;
}

/**
 * Decides whether a failed call is tried again, and withdraws from the budget when it is. A request that no server has
 * looked at is tried again whatever the policy, at once and outside the budget (a transparent retry, gRFC A6): once, or at
 * every endpoint where it never left.
 */
export function decideRetry(state: RetryState): RetryDecision {
  const { failure, policy, budget, attempts, remainingMs } = state;
  const unseen = failure.progress === "unsent" || failure.progress === "not_processed";
  if (unseen && !state.transparentUsed && remainingMs > 0) {
    return { again: true, delayMs: 0, transparent: true };
  }
  const reason = refusal(policy, failure, attempts);
  if (reason || !policy) return { again: false, reason: reason ?? "no_policy" };
  const delayMs = failure.pushbackMs ?? backoffMs(policy, attempts, state.random);
  // A retry that begins after the deadline is certain to fail: better to say now what went wrong.
  if (delayMs >= remainingMs) return { again: false, reason: "no_time" };
  if (budget && !budget.tryWithdraw(state.now)) return { again: false, reason: "budget_empty" };
  return { again: true, delayMs, transparent: false };
}

function refusal(policy: RetryPolicy | undefined, failure: Failure, attempts: number): StopReason | undefined {
  if (failure.progress === "committed") return "committed";
  if (!policy) return "no_policy";
  if (!policy.codes.has(failure.code)) return "not_retryable";
  if (failure.pushbackMs !== undefined && failure.pushbackMs < 0) return "pushback";
  return attempts >= policy.maxAttempts ? "attempts_used_up" : undefined;
}
