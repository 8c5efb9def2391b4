/** How many calls at once, and how fast further ones become possible. */
export interface Allowance {
  /** Time in which one more call becomes possible, in milliseconds. */
  readonly intervalMs: number;
  /** Calls at once after a rest. */
  readonly burst: number;
}

/** Whether one call more may pass, and what is left. */
export interface Verdict {
  readonly allowed: boolean;
  /** When all calls are at hand again, if none comes: all that is known of who calls. Milliseconds as in `nowMs`. */
  readonly restoredAtMs: number;
  /** Calls that may follow at once. */
  readonly remaining: number;
  /** Until one more call than `remaining` is possible, in milliseconds; 0 when all are at hand. */
  readonly nextMs: number;
}

/**
 * Takes one call, by the generic cell rate algorithm (ITU-T I.371): of somebody only the time is kept at which all calls
 * will be at hand again. A call moves it on by one interval; it is refused when that leads further ahead than the burst
 * reaches. What is refused is not counted.
 */
export function takeOne(restoredAtMs: number, nowMs: number, allowance: Allowance): Verdict {
  const { intervalMs, burst } = allowance;
  const moved = Math.max(restoredAtMs, nowMs) + intervalMs;
  const allowed = moved - nowMs <= burst * intervalMs + rounding;
  return verdictOf(allowed ? moved : restoredAtMs, nowMs, { allowance, allowed });
}

/** What is left of an allowance when all of it is at hand again at `restoredAtMs`. */
export function verdictOf(
  restoredAtMs: number,
  nowMs: number,
  { allowance, allowed }: { readonly allowance: Allowance; readonly allowed: boolean },
): Verdict {
  const { intervalMs, burst } = allowance;
  const owed = Math.max(0, restoredAtMs - nowMs) / intervalMs;
  const remaining = Math.max(0, Math.floor(burst - owed + rounding));
  const nextMs = owed === 0 ? 0 : Math.max(0, owed - (burst - remaining - 1)) * intervalMs;
  return { allowed, restoredAtMs, remaining, nextMs };
}

/** Intervals are no whole numbers: sums of them may be off by this much, in milliseconds and in calls. */
const rounding = 1e-3;
