import type { BudgetPolicy } from "#mesh/contract";

/**
 * What limits retries and hedges to a part of the calls, so that they cannot multiply an overload: each call deposits
 * `ratio` of a further attempt, each attempt withdraws one, both are forgotten after the ttl, and a reserve lets a quiet
 * caller retry too (Finagle's RetryBudget: 20 %, 10 a second, 10 s).
 */
export interface RetryBudget {
  /** Notes a call. */
  deposit(now: number): void;
  /** Takes one further attempt; false when there is none left. Never waits. */
  tryWithdraw(now: number): boolean;
  /** Further attempts left, as a fraction. */
  left(now: number): number;
}

const slotCount = 10;

export function createRetryBudget({ ratio, minPerSecond, ttlMs }: BudgetPolicy): RetryBudget {
  const slotMs = ttlMs / slotCount;
  const reserve = (minPerSecond * ttlMs) / 1000;
  const slots = Array.from({ length: slotCount }, () => ({ period: Number.NEGATIVE_INFINITY, net: 0 }));

  function add(amount: number, now: number): void {
    const period = Math.floor(now / slotMs);
    const slot = slots[((period % slotCount) + slotCount) % slotCount];
    if (!slot) return;
    if (slot.period !== period) Object.assign(slot, { period, net: 0 });
    slot.net += amount;
  }

  function left(now: number): number {
    const oldest = Math.floor(now / slotMs) - slotCount + 1;
    return slots.reduce((sum, { period, net }) => (period >= oldest ? sum + net : sum), reserve);
  }

  return {
    deposit: (now) => add(ratio, now),
    tryWithdraw(now) {
      // Tenths do not add up exactly in floating point: five deposits of 0.2 shall be one attempt.
      if (left(now) < 1 - 1e-9) return false;
      add(-1, now);
      return true;
    },
    left: (now) => Math.max(0, left(now)),
  };
}
