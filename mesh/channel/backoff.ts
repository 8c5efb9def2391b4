/** How long to wait before connecting again. */
export interface BackoffOptions {
  /** Before the second attempt, in milliseconds. */
  readonly initialMs: number;
  /** Longest wait, in milliseconds. */
  readonly maxMs: number;
}

const MULTIPLIER = 1.6;
const JITTER = 0.2;

/**
 * The time to wait after `failures` attempts that failed one after the other (1 or more), in milliseconds
 * (https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md: growing by 1.6, ±20 %, the cap before the jitter).
 * `random` returns a number from 0 to 1.
 */
export function backoffMs(failures: number, { initialMs, maxMs }: BackoffOptions, random = Math.random): number {
  const base = Math.min(initialMs * MULTIPLIER ** (failures - 1), maxMs);
  return base * (1 + JITTER * (2 * random() - 1));
}
