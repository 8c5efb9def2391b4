import fc from "fast-check";
import { expect, test } from "vitest";
import { virtualClock } from "#mesh/testing";
import { memoryRateLimitStore } from "./rate-limit-store.ts";

const step = fc.record({ waitMs: fc.nat(2_500), who: fc.constantFrom("ada", "bob") });

test("a limiter grants what a bucket of tokens grants", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1, max: 8 }),
      fc.array(step),
      async (intervalMs, burst, steps) => {
        const clock = virtualClock();
        const store = memoryRateLimitStore(clock.now);
        const buckets = { ada: bucket(intervalMs, burst), bob: bucket(intervalMs, burst) };
        for (const { waitMs, who } of steps) {
          await clock.advance(waitMs);
          const { allowed, remaining, nextMs } = await store.take(who, { intervalMs, burst });
          const expected = buckets[who](clock.now());
          expect([allowed, remaining]).toEqual([expected.allowed, expected.remaining]);
          expect(nextMs).toBeCloseTo(expected.nextMs, 2);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test("who waits as long as told is let in, and not a moment earlier", async () => {
  const clock = virtualClock();
  const store = memoryRateLimitStore(clock.now);
  const allowance = { intervalMs: 1_000 / 7, burst: 3 };
  const take = () => store.take("ada", allowance);
  for (let call = 0; call < 3; call++) expect((await take()).allowed).toBe(true);
  const refused = await take();
  expect(refused).toMatchObject({ allowed: false, remaining: 0 });
  await clock.advance(refused.nextMs - 1);
  expect((await take()).allowed).toBe(false);
  await clock.advance(1);
  expect((await take()).allowed).toBe(true);
});

test("a full memory forgets who has rested longest", async () => {
  const clock = virtualClock();
  const store = memoryRateLimitStore(clock.now, 2);
  const allowed = async (who: string) => (await store.take(who, { intervalMs: 1_000, burst: 1 })).allowed;
  expect([await allowed("a"), await allowed("b"), await allowed("a")]).toEqual([true, true, false]);
  expect(await allowed("c")).toBe(true);
  // "a" was heard of after "b", so "b" is the one that was forgotten.
  expect(await allowed("a")).toBe(false);
  expect(await allowed("b")).toBe(true);
});

/** The simple model: credit in milliseconds grows with time up to the burst, and each call costs one interval. */
function bucket(intervalMs: number, burst: number) {
  let credit = burst * intervalMs;
  let seenMs = 0;
  return (nowMs: number) => {
    credit = Math.min(burst * intervalMs, credit + nowMs - seenMs);
    seenMs = nowMs;
    const allowed = credit >= intervalMs;
    if (allowed) credit -= intervalMs;
    const remaining = Math.floor(credit / intervalMs);
    const full = credit === burst * intervalMs;
    return { allowed, remaining, nextMs: full ? 0 : (remaining + 1) * intervalMs - credit };
  };
}
