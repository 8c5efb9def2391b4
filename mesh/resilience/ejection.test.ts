import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Verdict } from "./code-class.ts";
import { createEjection, type Ejection } from "./ejection.ts";
import { ejectionPolicy } from "./policies.fixture.ts";

function ejection(hosts: number, more: Partial<typeof ejectionPolicy> = {}): Ejection {
  const created = createEjection({ ...ejectionPolicy, ...more });
  created.update(Array.from({ length: hosts }, (_, index) => `e${index}`));
  return created;
}

function fail(what: Ejection, id: string, now: number): void {
  for (let count = 0; count < 3; count++) what.record(id, "failure", now);
}

const ejected = (what: Ejection, now: number) =>
  what
    .snapshot(now)
    .filter(({ ejectedUntil }) => ejectedUntil !== undefined)
    .map(({ id }) => id);

describe("an endpoint that fails", () => {
  it("is left out after failures in a row, and is back when its time is over", () => {
    const all = ejection(4);
    fail(all, "e1", 0);
    expect(ejected(all, 0)).toEqual(["e1"]);
    expect(all.isEjected("e1", 999)).toBe(true);
    expect(all.isEjected("e1", 1000)).toBe(false);
  });

  it("is left out at the rate, once there is enough to judge by", () => {
    const all = ejection(4);
    const pattern: Verdict[] = ["failure", "success", "success", "failure"];
    for (let count = 0; count < 9; count++) all.record("e1", pattern[count % 4] ?? "nothing", 0);
    expect(ejected(all, 0)).toEqual([]);
    all.record("e1", "failure", 0);
    all.record("e1", "failure", 0);
    expect(ejected(all, 0)).toEqual(["e1"]);
  });

  it("is left out for longer each time, up to the longest, and less so after it did well", () => {
    const all = ejection(4);
    const until = (now: number) => {
      fail(all, "e1", now);
      return (all.snapshot(now).find(({ id }) => id === "e1")?.ejectedUntil ?? 0) - now;
    };
    expect([until(0), until(1000), until(3000), until(6000)]).toEqual([1000, 2000, 3000, 3000]);
    // From 9000 on it did well for three times the base: three ejections are forgotten, one more comes on top.
    expect(until(12_000)).toBe(2000);
  });

  it("starts anew under another id, and is forgotten when it is gone", () => {
    const all = ejection(4);
    fail(all, "e1", 0);
    all.update(["e0", "e2", "e3", "e4"]);
    expect(all.isEjected("e1", 0)).toBe(false);
    all.update(["e0", "e1", "e2", "e3"]);
    expect(ejected(all, 0)).toEqual([]);
  });
});

it("may be one of two, but never the last, and nobody with 0 percent", () => {
  const two = ejection(2, { maxPercent: 10 });
  fail(two, "e0", 0);
  fail(two, "e1", 0);
  expect(ejected(two, 0)).toEqual(["e0"]);
  const one = ejection(1, { maxPercent: 100 });
  fail(one, "e0", 0);
  expect(ejected(one, 0)).toEqual([]);
  const none = ejection(4, { maxPercent: 0 });
  fail(none, "e0", 0);
  expect(ejected(none, 0)).toEqual([]);
});

it("never leaves out more than the percentage or all, whatever happens", () => {
  const story = fc.record({
    hosts: fc.integer({ min: 1, max: 8 }),
    maxPercent: fc.integer({ min: 0, max: 100 }),
    steps: fc.array(fc.tuple(fc.nat(7), fc.constantFrom<Verdict>("failure", "failure", "success"), fc.nat(500)), {
      maxLength: 150,
    }),
  });
  fc.assert(
    fc.property(story, ({ hosts, maxPercent, steps }) => {
      const all = ejection(hosts, { maxPercent });
      let now = 0;
      for (const [host, verdict, afterMs] of steps) {
        now += afterMs;
        all.record(`e${host}`, verdict, now);
        const out = ejected(all, now).length;
        expect(out).toBeLessThan(hosts);
        if (out > 1) expect(out).toBeLessThanOrEqual((hosts * maxPercent) / 100);
      }
    }),
  );
});
