import fc from "fast-check";
import { expect, test } from "vitest";
import { A66_BOUNDS, GO_GRPC_BOUNDS, Histogram, LATENCY_BOUNDS } from "./histogram.ts";

const values = fc.array(fc.oneof(fc.double({ min: 0, max: 200, noNaN: true }), fc.constantFrom(...LATENCY_BOUNDS)));

test.each([
  ["gRFC A66", A66_BOUNDS],
  ["go-grpc", GO_GRPC_BOUNDS],
])("values are counted up to and with each bound of %s", (_, bounds) => {
  fc.assert(
    fc.property(values, values, (some, others) => {
      const [histogram, other] = [new Histogram(LATENCY_BOUNDS), new Histogram(LATENCY_BOUNDS)];
      for (const value of some) histogram.record(value);
      for (const value of others) other.record(value);
      histogram.add(other);
      const all = [...some, ...others];
      expect(histogram.upTo(bounds)).toEqual(bounds.map((bound) => all.filter((value) => value <= bound).length));
      expect(histogram.count).toBe(all.length);
      expect(histogram.sum).toBeCloseTo(
        all.reduce((sum, value) => sum + value, 0),
        5,
      );
    }),
  );
});
