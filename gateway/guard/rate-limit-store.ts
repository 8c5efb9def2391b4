import { type Allowance, takeOne, type Verdict } from "./allowance.ts";

/** Remembers who has called how often. */
export interface RateLimitStore {
  /** Takes one call of whoever `key` names. */
  take(key: string, allowance: Allowance): Verdict | Promise<Verdict>;
}

/** Most clients that are remembered at one time; a client that is forgotten has all its calls at hand again. */
const defaultCapacity = 100_000;

/** Remembers in this process only. `now` is in milliseconds and never goes back. */
export function memoryRateLimitStore(now: () => number, capacity = defaultCapacity): RateLimitStore {
  const restoredAt = new Map<string, number>();
  return {
    take(key, allowance) {
      const verdict = takeOne(restoredAt.get(key) ?? 0, now(), allowance);
      // Deleted first, for a Map iterates in order of insertion: its first key is the one that has rested longest.
      restoredAt.delete(key);
      restoredAt.set(key, verdict.restoredAtMs);
      if (restoredAt.size > capacity) {
        const [oldest = ""] = restoredAt.keys();
        restoredAt.delete(oldest);
      }
      return verdict;
    },
  };
}
