import fc from "fast-check";
import type { BalancePolicy } from "#mesh/contract";
import type { Endpoint } from "./endpoint.ts";

/** An endpoint that serves and has nothing special. */
export function endpoint(id: string, more: Partial<Endpoint> = {}): Endpoint {
  return { id, address: `${id}:1`, version: "v1", zone: "", weight: 1, state: "serving", ...more };
}

/** So many endpoints: e0, e1 … */
export function endpoints(count: number, more: Partial<Endpoint> = {}): [Endpoint, ...Endpoint[]] {
  const [first, ...others] = Array.from({ length: count }, (_, index) => endpoint(`e${index}`, more));
  if (!first) throw new Error("at least one endpoint, please");
  return [first, ...others];
}

/** Evenly spread numbers from 0 to under 1, the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Any seed. */
export const seeds: fc.Arbitrary<number> = fc.integer({ min: 0, max: 2 ** 31 });

/** Any set of endpoints with different ids, of any state and weight. */
export const anyEndpoints: fc.Arbitrary<Endpoint[]> = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 8 }),
    address: fc.constant("host:1"),
    version: fc.constantFrom("v1", "v2"),
    zone: fc.constantFrom("", "a", "b"),
    weight: fc.integer({ min: 1, max: 5 }),
    load: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
    state: fc.constantFrom("serving", "serving", "serving", "draining", "unhealthy"),
  }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 12 },
);

/** A policy that says nothing but the algorithm. */
export function balancePolicy(policy: Partial<BalancePolicy>): BalancePolicy {
  return {
    algorithm: "least_requests",
    affinity: undefined,
    subsetSize: 0,
    preferZone: false,
    panicThreshold: 0.5,
    ...policy,
  };
}

/** How often each value occurs. */
export function tally(values: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
