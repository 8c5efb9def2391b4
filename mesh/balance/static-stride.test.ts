import fc from "fast-check";
import { expect, it } from "vitest";
import { createStaticStride } from "./static-stride.ts";

it("gives every place its share, wherever it starts", () => {
  const weights = fc.array(fc.double({ min: 0.05, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(weights, fc.nat(100_000), (shares, start) => {
      const next = createStaticStride(shares, start);
      const draws = 2000;
      const counts = shares.map(() => 0);
      for (let draw = 0; draw < draws; draw++) {
        const place = next();
        counts[place] = (counts[place] ?? 0) + 1;
      }
      const total = shares.reduce((sum, share) => sum + share, 0);
      for (const [place, share] of shares.entries()) {
        const expected = (share / total) * draws;
        expect(Math.abs((counts[place] ?? 0) - expected)).toBeLessThan(3 + expected * 0.01);
      }
    }),
  );
});

it("spreads the turns instead of bunching them", () => {
  const next = createStaticStride([1, 0.5], 0);
  const places = Array.from({ length: 30 }, () => next());
  expect(places.join("")).not.toMatch(/11|0000/);
});
