import { type Allowance, takeOne, type Verdict } from "./allowance.ts";

/** Remembers who has called how often. */
export interface RateLimitStore {
  /** Takes one call of whoever `key` names. */
  take(key: string, allowance: Allowance): Verdict | Promise<Verdict>;
}

/** Most clients that are remembered at one time; a client that is forgotten has all its calls at hand again. */
const defaultCapacity = 200_000;

/**
 * Remembers in this process only, and surely the half of `capacity` that has called last. `now` is in milliseconds and
 * never goes back.
 */
export function memoryRateLimitStore(now: () => number, capacity = defaultCapacity): RateLimitStore {
  // Whoever calls is in the first, and the second is forgotten as a whole: to take one out and put it in again for each
  // call, to keep all in order, would make a new table for every few calls.
  let recent = new Map<string, { restoredAtMs: number }>();
  let older = recent;
  function find(key: string): { restoredAtMs: number } {
    const known = recent.get(key);
    if (known) return known;
    const client = older.get(key) ?? { restoredAtMs: 0 };
    if (recent.size >= capacity / 2) {
      older = recent;
      recent = new Map();
    }
    recent.set(key, client);
    return client;
  }
  return {
    take(key, allowance) {
      const client = find(key);
      const verdict = takeOne(client.restoredAtMs, now(), allowance);
      client.restoredAtMs = verdict.restoredAtMs;
      return verdict;
    },
  };
}
