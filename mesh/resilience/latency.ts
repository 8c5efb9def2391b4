/** Times of recent calls, most recent ones counting most. */
export interface LatencyTracker {
  /** Notes how long something took, in milliseconds. */
  record(durationMs: number, now: number): void;
  /** Time that the given part of recent calls did not exceed, to 10 %; undefined below `minSamples` calls. */
  quantile(part: number, minSamples: number, now: number): number | undefined;
}

/** Bounds of neighbouring buckets differ by 10 %, from 0.1 ms to beyond 10 minutes. */
const growth = 1.1;
const smallestMs = 0.1;
const bucketCount = 170;
/** A call counts half after so long, */
const halfLifeMs = 30_000;
/** and after so many others. */
const halfLifeCalls = 1000;

/**
 * A histogram with buckets of equal ratio that fades: counts halve every 30 s and every 1000 calls, so that it
 * follows a service that gets slower or faster, and still has enough calls to judge by.
 */
export function createLatencyTracker(): LatencyTracker {
  const buckets = new Float64Array(bucketCount);
  let total = 0;
  let fadedAt: number | undefined;

  function fade(now: number): void {
    fadedAt ??= now;
    // In steps, since each touches every bucket.
    const elapsed = now - fadedAt;
    if (elapsed < halfLifeMs / 10) return;
    keep(0.5 ** (elapsed / halfLifeMs));
    fadedAt = now;
  }

  function keep(part: number): void {
    for (let index = 0; index < bucketCount; index++) buckets[index] = (buckets[index] ?? 0) * part;
    total *= part;
  }

  return {
    record(durationMs, now) {
      fade(now);
      const index = bucketOf(durationMs);
      buckets[index] = (buckets[index] ?? 0) + 1;
      total += 1;
      if (total >= 2 * halfLifeCalls) keep(0.5);
    },
    quantile(part, minSamples, now) {
      fade(now);
      if (total < minSamples) return undefined;
      let counted = 0;
      for (let index = 0; index < bucketCount; index++) {
        counted += buckets[index] ?? 0;
        if (counted >= part * total && counted > 0) return smallestMs * growth ** index;
      }
      return smallestMs * growth ** (bucketCount - 1);
    },
  };
}

function bucketOf(durationMs: number): number {
  if (durationMs <= smallestMs) return 0;
  // The tolerance puts a duration that is a bucket's bound into that bucket, not into the next.
  const index = Math.ceil(Math.log(durationMs / smallestMs) / Math.log(growth) - 1e-9);
  return Math.min(bucketCount - 1, index);
}
