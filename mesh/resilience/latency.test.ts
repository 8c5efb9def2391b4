import fc from "fast-check";
import { expect, it } from "vitest";
import { hedgeDelayMs } from "./hedge.ts";
import { createLatencyTracker } from "./latency.ts";
import { hedgePolicy } from "./policies.fixture.ts";

it("knows quantiles to ten percent", () => {
  const durations = fc.array(fc.double({ min: 0.1, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 200 });
  const parts = fc.double({ min: 0.01, max: 1, noNaN: true });
  fc.assert(
    fc.property(durations, parts, (times, part) => {
      const latency = createLatencyTracker();
      for (const time of times) latency.record(time, 0);
      const sorted = [...times].sort((a, b) => a - b);
      const exact = sorted[Math.min(times.length, Math.max(1, Math.ceil(part * times.length - 1e-9))) - 1] ?? 0;
      const known = latency.quantile(part, 1, 0) ?? 0;
      expect(known).toBeGreaterThanOrEqual(exact * 0.999);
      expect(known).toBeLessThanOrEqual(exact * 1.101);
    }),
  );
});

it("says nothing before it knows enough, nor when what it knew has faded", () => {
  const latency = createLatencyTracker();
  for (let call = 0; call < 20; call++) latency.record(10, 0);
  expect(latency.quantile(0.5, 21, 0)).toBeUndefined();
  expect(latency.quantile(0.5, 20, 0)).toBeGreaterThan(9);
  expect(latency.quantile(0.5, 20, 30_000)).toBeUndefined();
  expect(latency.quantile(0.5, 10, 30_000)).toBeGreaterThan(9);
});

it("follows a service that becomes slower, by time and by number of calls", () => {
  const byTime = createLatencyTracker();
  for (let call = 0; call < 100; call++) byTime.record(10, 0);
  for (let call = 0; call < 60; call++) byTime.record(100, 60_000);
  expect(byTime.quantile(0.5, 10, 60_000)).toBeGreaterThan(90);
  const byNumber = createLatencyTracker();
  for (let call = 0; call < 100_000; call++) byNumber.record(10, 0);
  for (let call = 0; call < 2500; call++) byNumber.record(100, 0);
  expect(byNumber.quantile(0.5, 10, 0)).toBeGreaterThan(90);
});

it("takes any duration, even none and one beyond all bounds", () => {
  const latency = createLatencyTracker();
  latency.record(0, 0);
  expect(latency.quantile(1, 1, 0)).toBeCloseTo(0.1);
  latency.record(1e9, 0);
  expect(latency.quantile(1, 1, 0)).toBeGreaterThan(600_000);
});

it("lets hedges start at the usual p95, never earlier than the policy says, and not before enough is known", () => {
  const latency = createLatencyTracker();
  expect(hedgeDelayMs(hedgePolicy, latency, 0)).toBeUndefined();
  for (let call = 0; call < 100; call++) latency.record(call < 90 ? 1 : 50, 0);
  expect(hedgeDelayMs(hedgePolicy, latency, 0)).toBeGreaterThan(49);
  expect(hedgeDelayMs({ ...hedgePolicy, quantile: 0.8 }, latency, 0)).toBe(5);
});
