import fc from "fast-check";
import { expect, it } from "vitest";
import { createRetryBudget } from "./retry-budget.ts";

it("allows a fifth of the calls, and forgets them after the ttl", () => {
  const budget = createRetryBudget({ ratio: 0.2, minPerSecond: 0, ttlMs: 10_000 });
  expect(budget.tryWithdraw(0)).toBe(false);
  for (let call = 0; call < 10; call++) budget.deposit(0);
  expect([budget.tryWithdraw(1), budget.tryWithdraw(1), budget.tryWithdraw(1)]).toEqual([true, true, false]);
  for (let call = 0; call < 5; call++) budget.deposit(2);
  expect(budget.left(9000)).toBeCloseTo(1);
  expect(budget.left(10_000)).toBe(0);
});

it("has a reserve for quiet times, which comes back after the ttl", () => {
  const budget = createRetryBudget({ ratio: 0.2, minPerSecond: 10, ttlMs: 10_000 });
  const taken = () => Array.from({ length: 200 }, () => budget.tryWithdraw(0)).filter(Boolean).length;
  expect(taken()).toBe(100);
  expect(budget.tryWithdraw(5000)).toBe(false);
  expect(budget.left(10_000)).toBe(100);
});

it("never gives more than ratio and reserve allow in any ttl", () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(300)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(3), (story, ratio, minPerSecond) => {
      const ttlMs = 2000;
      const budget = createRetryBudget({ ratio, minPerSecond, ttlMs });
      const calls: number[] = [];
      const given: number[] = [];
      let now = 0;
      for (const [isCall, afterMs] of story) {
        now += afterMs;
        if (isCall) {
          calls.push(now);
          budget.deposit(now);
        } else if (budget.tryWithdraw(now)) given.push(now);
        expect(budget.left(now)).toBeGreaterThanOrEqual(0);
      }
      // The window moves in tenths, so it may be a tenth shorter than the ttl; calls up to a whole ttl before count.
      for (const end of given) {
        const inTtl = given.filter((at) => at > end - ttlMs * 0.9 && at <= end).length;
        const calledBefore = calls.filter((at) => at > end - 2 * ttlMs && at <= end).length;
        expect(inTtl).toBeLessThanOrEqual(calledBefore * ratio + (minPerSecond * ttlMs) / 1000 + 1e-6);
      }
    }),
  );
});
