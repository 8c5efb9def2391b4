import type { RetryPolicy } from "#mesh/contract";

/**
 * How long to wait before a further attempt, in milliseconds: drawn evenly from 0 to
 * min(max, initial × 2^(attempts made − 1)). Full jitter spreads the retries of callers that failed together better
 * than ±20 % does, for the same load ("Exponential Backoff And Jitter", AWS Architecture Blog; Envoy does the same,
 * with the same 25 ms and 250 ms).
 */
export function backoffMs(
  { initialBackoffMs, maxBackoffMs }: RetryPolicy,
  attemptsMade: number,
  random: () => number,
): number {
  return random() * Math.min(maxBackoffMs, initialBackoffMs * 2 ** (attemptsMade - 1));
}
