import fc from "fast-check";
import { expect, it } from "vitest";
import { endpoints, tally } from "./endpoints.fixture.ts";
import { subsetOf } from "./subset.ts";

const ids = (chosen: readonly { id: string }[]) => chosen.map(({ id }) => id);

it("has the wanted size, and everyone when that is not less than all", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(25), fc.string(), (count, size, seed) => {
      const wanted = size === 0 ? count : Math.min(size, count);
      expect(new Set(ids(subsetOf(endpoints(count), size, seed))).size).toBe(wanted);
    }),
  );
});

it("changes in one place at most when an endpoint comes or goes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 20 }), fc.nat(), fc.string(), (count, gone, seed) => {
      const all = endpoints(count);
      const before = ids(subsetOf(all, 2, seed));
      const after = ids(
        subsetOf(
          all.filter((_, index) => index !== gone % count),
          2,
          seed,
        ),
      );
      expect(before.filter((id) => !after.includes(id)).length).toBeLessThanOrEqual(1);
    }),
  );
});

it("gives every endpoint about as many callers", () => {
  const callers = Array.from({ length: 2000 }, (_, index) => `caller-${index}`);
  const counts = tally(callers.flatMap((seed) => ids(subsetOf(endpoints(10), 3, seed))));
  // 600 each; the standard deviation of a fair draw is about 20.
  expect(Math.min(...counts.values())).toBeGreaterThan(500);
  expect(Math.max(...counts.values())).toBeLessThan(700);
});
