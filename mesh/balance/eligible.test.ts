import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eligibleOf } from "./eligible.ts";
import { anyEndpoints, endpoint, endpoints } from "./endpoints.fixture.ts";

const nobody = () => false;
const ids = (chosen: { endpoints: readonly { id: string }[] }) => chosen.endpoints.map(({ id }) => id);

describe("who may be chosen", () => {
  it("is never nobody, and never one that drains while others stay", () => {
    const choice = fc.record({
      all: anyEndpoints,
      bits: fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }),
      panicThreshold: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(choice, ({ all, bits, panicThreshold }) => {
        const tried = new Set(all.filter((_, index) => bits[index]).map(({ id }) => id));
        const out = new Set(all.filter((_, index) => bits[index + 12]).map(({ id }) => id));
        const chosen = eligibleOf(all, { tried, ejected: (id) => out.has(id), panicThreshold });
        expect(chosen.endpoints.length).toBeGreaterThan(0);
        if (!chosen.again) expect(ids(chosen).filter((id) => tried.has(id))).toEqual([]);
        if (!chosen.panic) expect(ids(chosen).filter((id) => out.has(id))).toEqual([]);
        if (all.some(({ state }) => state !== "draining")) {
          expect(chosen.endpoints.filter(({ state }) => state === "draining")).toEqual([]);
        }
      }),
    );
  });

  it("leaves out who is ejected, unhealthy or was tried", () => {
    const all = [...endpoints(5), endpoint("ill", { state: "unhealthy" })];
    const out = { tried: new Set(["e0"]), ejected: (id: string) => id === "e1", panicThreshold: 0.5 };
    expect(eligibleOf(all, out)).toMatchObject({ panic: false, again: false });
    expect(ids(eligibleOf(all, out))).toEqual(["e2", "e3", "e4"]);
  });

  it("is everyone when less than the threshold is well", () => {
    const all = endpoints(4);
    const ejected = (id: string) => id !== "e0";
    expect(eligibleOf(all, { tried: new Set(), ejected, panicThreshold: 0.5 })).toMatchObject({ panic: true });
    expect(ids(eligibleOf(all, { tried: new Set(), ejected, panicThreshold: 0.25 }))).toEqual(["e0"]);
  });

  it("is everyone again when all were tried", () => {
    const all = endpoints(2);
    const tried = new Set(["e0", "e1"]);
    expect(eligibleOf(all, { tried, ejected: nobody, panicThreshold: 0.5 })).toMatchObject({ again: true });
  });

  it("is nobody when there is nobody", () => {
    const chosen = eligibleOf([], { tried: new Set(), ejected: nobody, panicThreshold: 0.5 });
    expect(chosen).toEqual({ endpoints: [], panic: true, again: false });
  });
});
