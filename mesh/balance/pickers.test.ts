import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPicker } from "./create-picker.ts";
import type { Endpoint } from "./endpoint.ts";
import { anyEndpoints, endpoint, endpoints, seededRandom, seeds, tally } from "./endpoints.fixture.ts";
import type { PickContext } from "./picker.ts";

function context(more: Partial<PickContext> = {}): PickContext {
  return { now: 0, random: seededRandom(1), inFlight: () => 0, key: undefined, ...more };
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

describe("every picker", () => {
  const algorithms = fc.constantFrom("least_requests", "random", "ring_hash", "round_robin", "weighted");

  it("chooses one of those that may be chosen, whatever comes and goes", () => {
    const story = fc.record({
      algorithm: algorithms,
      seed: seeds,
      sets: fc.array(anyEndpoints, { minLength: 1, maxLength: 5 }),
      keys: fc.array(fc.option(fc.string(), { nil: undefined }), { minLength: 1, maxLength: 8 }),
    });
    fc.assert(
      fc.property(story, ({ algorithm, seed, sets, keys }) => {
        const random = seededRandom(seed);
        const picker = createPicker(algorithm, random);
        for (const [step, all] of sets.entries()) {
          picker.update(all);
          const [first, ...others] = all.filter(() => random() < 0.7);
          if (!first) continue;
          for (const key of keys) {
            const picked = picker.pick([first, ...others], context({ random, key, now: step * 700 }));
            expect([first, ...others]).toContain(picked);
          }
        }
      }),
    );
  });
});

describe("round robin", () => {
  it("gives everyone the same number of turns", () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5 }), (seed, count, rounds) => {
        const all = endpoints(count);
        const picker = createPicker("round_robin", seededRandom(seed));
        picker.update(all);
        const turns = tally(times(count * rounds, () => picker.pick(all, context()).id));
        expect([...turns.values()]).toEqual(times(count, () => rounds));
      }),
    );
  });

  it("does not begin with the same one in every process", () => {
    const all = endpoints(4);
    const begins = times(100, (seed) => {
      const picker = createPicker("round_robin", seededRandom(seed));
      picker.update(all);
      return picker.pick(all, context()).id;
    });
    expect(tally(begins).size).toBe(4);
  });
});

describe("random", () => {
  it("follows the weights", () => {
    const all: [Endpoint, Endpoint] = [endpoint("light"), endpoint("heavy", { weight: 3 })];
    const { random } = context();
    const counts = tally(times(4000, () => createPicker("random", random).pick(all, context({ random })).id));
    expect(counts.get("heavy")).toBeGreaterThan(2850);
    expect(counts.get("heavy")).toBeLessThan(3150);
  });
});

describe("least requests", () => {
  it("chooses the less busy of any two, by weight", () => {
    const load = fc.record({ a: fc.nat(50), b: fc.nat(50), weight: fc.integer({ min: 1, max: 5 }), seed: seeds });
    fc.assert(
      fc.property(load, ({ a, b, weight, seed }) => {
        const all: [Endpoint, Endpoint] = [endpoint("a"), endpoint("b", { weight })];
        const inFlight = ({ id }: Endpoint) => (id === "a" ? a : b);
        const picked = createPicker("least_requests", () => 0).pick(
          all,
          context({ inFlight, random: seededRandom(seed) }),
        );
        const busy = { a: a + 1, b: (b + 1) / weight };
        if (busy.a !== busy.b) expect(picked.id).toBe(busy.a < busy.b ? "a" : "b");
      }),
    );
  });

  it("never chooses the busiest of three", () => {
    const all = endpoints(3);
    const inFlight = ({ id }: Endpoint) => Number(id.slice(1));
    const { random } = context();
    const picks = times(300, () => createPicker("least_requests", random).pick(all, context({ random, inFlight })).id);
    expect([...tally(picks).keys()].sort()).toEqual(["e0", "e1"]);
  });
});

describe("weighted by load", () => {
  it("gives more to those who report more time free, and the mean to those who report nothing", () => {
    const all: [Endpoint, ...Endpoint[]] = [
      endpoint("busy", { load: 0.8 }),
      endpoint("idle", { load: 0.2 }),
      endpoint("silent"),
    ];
    const picker = createPicker("weighted", seededRandom(3));
    picker.update(all);
    const counts = tally(times(3000, () => picker.pick(all, context()).id));
    // Free: 0.2, 0.8 and their mean 0.5.
    expect(Math.abs((counts.get("busy") ?? 0) - 400)).toBeLessThan(10);
    expect(Math.abs((counts.get("idle") ?? 0) - 1600)).toBeLessThan(10);
    expect(Math.abs((counts.get("silent") ?? 0) - 1000)).toBeLessThan(10);
  });

  it("follows a changed report little by little", () => {
    const set = (load: number): [Endpoint, Endpoint] => [endpoint("a", { load }), endpoint("b", { load: 0 })];
    const share = (picker: ReturnType<typeof createPicker>, load: number, now: number) => {
      picker.update(set(load));
      return tally(times(1000, () => picker.pick(set(load), context({ now })).id)).get("a") ?? 0;
    };
    const picker = createPicker("weighted", seededRandom(3));
    const before = share(picker, 0, 0);
    const soon = share(picker, 0.9, 1000);
    const late = share(picker, 0.9, 60_000);
    expect(before).toBe(500);
    expect(soon).toBeLessThan(before);
    expect(late).toBeLessThan(soon);
    expect(Math.abs(late - 91)).toBeLessThan(5);
  });

  it("gives even a saturated endpoint a call now and then", () => {
    const all: [Endpoint, Endpoint] = [endpoint("full", { load: 1 }), endpoint("idle", { load: 0 })];
    const picker = createPicker("weighted", seededRandom(3));
    picker.update(all);
    expect(tally(times(210, () => picker.pick(all, context()).id)).get("full")).toBeGreaterThan(5);
  });
});

describe("ring hash", () => {
  const keys = times(500, (index) => `key-${index}`);
  const owners = (all: readonly Endpoint[]) => {
    const [first, ...others] = all;
    if (!first) throw new Error("no endpoints");
    const picker = createPicker("ring_hash", () => 0);
    picker.update(all);
    return keys.map((key) => picker.pick([first, ...others], context({ key })).id);
  };

  it("moves nobody's keys but the removed one's, and gives keys to nobody but the added one", () => {
    const change = fc.record({ count: fc.integer({ min: 2, max: 12 }), gone: fc.nat(), weight: fc.nat(3) });
    fc.assert(
      fc.property(change, ({ count, gone, weight }) => {
        const all = endpoints(count, { weight: weight + 1 });
        const removed = all[gone % count]?.id;
        const before = owners(all);
        const after = owners(all.filter(({ id }) => id !== removed));
        const moved = before.filter((owner, index) => owner !== after[index]);
        expect(moved.every((owner) => owner === removed)).toBe(true);
        expect(after).not.toContain(removed);
      }),
      { numRuns: 30 },
    );
  });

  it("sends the keys of one that may not be chosen to those who would have them without it", () => {
    const all = endpoints(5);
    const [, ...others] = all;
    const [first, ...rest] = others;
    if (!first) throw new Error("no endpoints");
    const picker = createPicker("ring_hash", () => 0);
    picker.update(all);
    expect(keys.map((key) => picker.pick([first, ...rest], context({ key })).id)).toEqual(owners(others));
  });

  it("gives each about the same number of keys, and more to the heavier", () => {
    const counts = tally(owners([endpoint("a"), endpoint("b"), endpoint("heavy", { weight: 2 })]));
    expect(counts.get("a")).toBeGreaterThan(80);
    expect(counts.get("b")).toBeGreaterThan(80);
    expect(counts.get("heavy")).toBeGreaterThan(190);
  });

  it("gives the same shares whatever the unit of the weights", () => {
    const owned = (weight: number) => owners([endpoint("a", { weight }), endpoint("b", { weight: weight / 2 })]);
    expect(owned(1000)).toEqual(owned(100));
    expect(tally(owned(1000)).get("a")).toBeGreaterThan(280);
  });

  it("draws by chance for a call without a key", () => {
    const all = endpoints(3);
    const picker = createPicker("ring_hash", () => 0);
    picker.update(all);
    const { random } = context();
    expect(tally(times(100, () => picker.pick(all, context({ random })).id)).size).toBe(3);
  });
});
