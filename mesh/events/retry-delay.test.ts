import { expect, test } from "vitest";
import { retryDelayMs } from "./retry-delay.ts";

test("delays double up to a minute, with at most a fifth more, in whole milliseconds", () => {
  const bounds = [1, 2, 3, 8, 100].map((failures) => [failures, Math.min(250 * 2 ** failures, 60_000)] as const);
  for (const [failures, least] of bounds) {
    const delays = Array.from({ length: 200 }, () => retryDelayMs(failures));
    expect(delays.every((delay) => Number.isInteger(delay) && delay >= least && delay <= least * 1.2)).toBe(true);
  }
});
