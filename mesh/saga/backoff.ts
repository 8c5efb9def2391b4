const firstMs = 250;
const longestMs = 60_000;

/** Milliseconds to wait after the nth failure in a row, from 1: doubling from 250 ms to 60 s, plus up to a fifth. */
export function backoffMs(failures: number): number {
  const ms = Math.min(firstMs * 2 ** (failures - 1), longestMs);
  return Math.round(ms * (1 + Math.random() / 5));
}
