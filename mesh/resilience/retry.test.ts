import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Code } from "#gen/google/rpc/code_pb.ts";
import { backoffMs } from "./backoff.ts";
import { type Failure, parsePushback } from "./outcome.ts";
import { anyCode, budgetPolicy, retryPolicy } from "./policies.fixture.ts";
import { decideRetry, type RetryState } from "./retry.ts";
import { createRetryBudget } from "./retry-budget.ts";

const unavailable: Failure = { ok: false, code: Code.UNAVAILABLE, message: "", progress: "maybe_processed" };

function decide(more: Partial<RetryState> = {}) {
  return decideRetry({
    policy: retryPolicy,
    failure: unavailable,
    attempts: 1,
    transparentUsed: false,
    remainingMs: 10_000,
    now: 0,
    random: () => 0.5,
    budget: undefined,
    ...more,
  });
}

describe("a failed call", () => {
  it("is tried again after a part of the backoff", () => {
    expect(decide()).toEqual({ again: true, delayMs: 12.5, transparent: false });
    expect(decide({ attempts: 2 })).toEqual({ again: true, delayMs: 25, transparent: false });
  });

  it.each<[string, Partial<RetryState>, string]>([
    ["without a policy", { policy: undefined }, "no_policy"],
    ["with another code", { failure: { ...unavailable, code: Code.INTERNAL } }, "not_retryable"],
    ["when the caller has seen headers", { failure: { ...unavailable, progress: "committed" } }, "committed"],
    ["after the last attempt", { attempts: 3 }, "attempts_used_up"],
    ["when the server forbids it", { failure: { ...unavailable, pushbackMs: -1 } }, "pushback"],
    ["when the deadline would pass before", { remainingMs: 12 }, "no_time"],
    ["when the server wants it after the deadline", { failure: { ...unavailable, pushbackMs: 10_000 } }, "no_time"],
  ])("is not tried again %s", (_title, state, reason) => {
    expect(decide(state)).toEqual({ again: false, reason });
  });

  it("waits as long as the server says", () => {
    expect(decide({ failure: { ...unavailable, pushbackMs: 700 } })).toMatchObject({ again: true, delayMs: 700 });
  });

  it("is tried again at once and once, without policy and budget, when no server has looked at it", () => {
    const failure: Failure = { ...unavailable, progress: "not_processed" };
    const budget = createRetryBudget({ ...budgetPolicy, minPerSecond: 0 });
    const state = { failure, policy: undefined, budget };
    expect(decide(state)).toEqual({ again: true, delayMs: 0, transparent: true });
    expect(decide({ ...state, transparentUsed: true })).toEqual({ again: false, reason: "no_policy" });
  });

  it("takes its place in the budget, and none when it is not tried again", () => {
    const budget = createRetryBudget({ ratio: 0, minPerSecond: 1, ttlMs: 1000 });
    expect(decide({ budget, attempts: 3 })).toEqual({ again: false, reason: "attempts_used_up" });
    expect(decide({ budget })).toMatchObject({ again: true });
    expect(decide({ budget })).toEqual({ again: false, reason: "budget_empty" });
  });

  it("is never tried again for a code that the policy does not name", () => {
    fc.assert(
      fc.property(anyCode, fc.integer({ min: 1, max: 6 }), (code, attempts) => {
        const decision = decide({ failure: { ...unavailable, code }, attempts });
        expect(decision.again).toBe(code === Code.UNAVAILABLE && attempts < 3);
      }),
    );
  });
});

it("backs off by a part of a bound that doubles up to the longest", () => {
  const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), draw, (attempts, part) => {
      const bound = Math.min(250, 25 * 2 ** (attempts - 1));
      expect(backoffMs(retryPolicy, attempts, () => part)).toBeCloseTo(part * bound);
    }),
  );
});

it("reads the server's pushback, and takes what it does not understand for a no", () => {
  expect(["0", "250", "-1", "soon", "", "1.5"].map(parsePushback)).toEqual([0, 250, -1, -1, -1, -1]);
  expect(parsePushback(null)).toBeUndefined();
});
