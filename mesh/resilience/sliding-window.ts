/** What happened in the last while. */
export interface WindowCount {
  readonly successes: number;
  readonly failures: number;
}

/** Counts successes and failures of the last `windowMs` milliseconds, to a tenth of that. */
export interface SlidingWindow {
  add(succeeded: boolean, now: number): void;
  count(now: number): WindowCount;
  clear(): void;
}

const slotCount = 10;

export function createSlidingWindow(windowMs: number): SlidingWindow {
  const slotMs = windowMs / slotCount;
  const slots = Array.from({ length: slotCount }, () => ({
    period: Number.NEGATIVE_INFINITY,
    successes: 0,
    failures: 0,
  }));

  return {
    add(succeeded, now) {
      const period = Math.floor(now / slotMs);
      const slot = slots[((period % slotCount) + slotCount) % slotCount];
      if (!slot) return;
      if (slot.period !== period) Object.assign(slot, { period, successes: 0, failures: 0 });
      if (succeeded) slot.successes += 1;
      else slot.failures += 1;
    },
    count(now) {
      const oldest = Math.floor(now / slotMs) - slotCount + 1;
      const live = slots.filter(({ period }) => period >= oldest);
      return {
        successes: live.reduce((sum, slot) => sum + slot.successes, 0),
        failures: live.reduce((sum, slot) => sum + slot.failures, 0),
      };
    },
    clear() {
      for (const slot of slots) slot.period = Number.NEGATIVE_INFINITY;
    },
  };
}

/** Whether the window holds enough to judge by, and too many failures. */
export function failsTooOften(
  { successes, failures }: WindowCount,
  limit: { readonly minVolume: number; readonly failureRate: number },
): boolean {
  const total = successes + failures;
  return total >= limit.minVolume && failures / total >= limit.failureRate;
}
