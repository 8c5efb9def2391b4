/**
 * Time to wait after the `failures`-th failure in a row, in milliseconds: 2^failures × 250 ms, at most 60 s, and up
 * to a fifth more so that what failed together does not return together. Whole milliseconds: nats-server ignores a
 * delay with fractions of its nanoseconds, and sends the message again at once.
 */
export function retryDelayMs(failures: number): number {
  return Math.round(Math.min(250 * 2 ** Math.min(failures, 20), 60_000) * (1 + Math.random() / 5));
}
