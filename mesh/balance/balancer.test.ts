import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Instance } from "#mesh/discovery";
import { type BalancerOptions, createBalancer, type PickRequest } from "./balancer.ts";
import { anyEndpoints, balancePolicy, endpoint, endpoints, seededRandom, seeds, tally } from "./endpoints.fixture.ts";

function balancer(policy: Partial<BalancerOptions["policy"]> = {}, zone = "") {
  return createBalancer({ policy: balancePolicy(policy), zone, seed: "caller", random: seededRandom(7) });
}

const request: PickRequest = { now: 0, tried: new Set(), ejected: () => false };

describe("a balancer", () => {
  it("counts what is under way until it is done, also over an update", () => {
    const one = balancer();
    one.update(endpoints(1));
    const first = one.pick(request);
    const second = one.pick(request);
    one.update(endpoints(2));
    expect(one.snapshot().map(({ inFlight }) => inFlight)).toEqual([2, 0]);
    first?.done();
    second?.done();
    expect(one.snapshot().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });

  it("ends with nothing under way, whatever was picked and changed in between", () => {
    fc.assert(
      fc.property(fc.array(anyEndpoints, { minLength: 1, maxLength: 6 }), seeds, (sets, seed) => {
        const random = seededRandom(seed);
        const one = createBalancer({ policy: balancePolicy({}), zone: "a", seed: "caller", random });
        const ends: (() => void)[] = [];
        for (const set of sets) {
          one.update(set);
          for (let call = 0; call < 5; call++) ends.push(one.pick(request)?.done ?? expect.fail("nobody was picked"));
          if (random() < 0.5) ends.shift()?.();
        }
        for (const end of ends) end();
        expect(one.snapshot().filter(({ inFlight }) => inFlight > 0)).toEqual([]);
      }),
    );
  });

  it("moves away from an endpoint that keeps its calls", () => {
    const one = balancer();
    one.update(endpoints(2));
    const picks: string[] = [];
    for (let call = 0; call < 100; call++) {
      const picked = one.pick(request);
      if (!picked) throw new Error("nobody was picked");
      picks.push(picked.endpoint.id);
      if (picked.endpoint.id === "e1") picked.done();
    }
    expect(tally(picks).get("e0")).toBe(1);
  });

  it("picks nobody where nobody is, and nobody twice for a hedge", () => {
    const one = balancer();
    expect(one.pick(request)).toBeUndefined();
    one.update(endpoints(1));
    const tried = new Set(["e0"]);
    expect(one.pick({ ...request, tried })?.endpoint.id).toBe("e0");
    expect(one.pick({ ...request, tried, distinct: true })).toBeUndefined();
  });

  it("takes what discovery finds as it is", () => {
    const instance: Instance = { ...endpoint("found"), service: "shop.catalog", schemaHash: "", state: "serving" };
    const one = balancer();
    one.update([instance]);
    expect(one.pick(request)?.endpoint).toBe(instance);
  });

  it("keeps to a version", () => {
    const one = balancer();
    one.update([endpoint("old"), endpoint("new", { version: "v2" })]);
    const picks = Array.from({ length: 20 }, () => one.pick({ ...request, version: "v2" })?.endpoint.id);
    expect(new Set(picks)).toEqual(new Set(["new"]));
    expect(one.pick({ ...request, version: "v3" })).toBeUndefined();
  });

  it("does not fill its subset with those that drain", () => {
    const one = balancer({ subsetSize: 2 });
    one.update([...endpoints(8, { state: "draining" }), endpoint("x"), endpoint("y"), endpoint("z")]);
    const picks = Array.from({ length: 50 }, () => one.pick(request)?.endpoint.id ?? "");
    expect(tally(picks).size).toBe(2);
    expect(picks.filter((id) => id.startsWith("e"))).toEqual([]);
  });
});

describe("the preference for the own zone", () => {
  const zones = (ejected: number) => {
    const one = balancer({ preferZone: true, panicThreshold: 0 }, "near");
    const near = Array.from({ length: 4 }, (_, index) => endpoint(`near-${index}`, { zone: "near" }));
    one.update([...near, ...endpoints(4, { zone: "far" })]);
    const out = new Set(near.slice(0, ejected).map(({ id }) => id));
    const picks = Array.from({ length: 1000 }, () => {
      const picked = one.pick({ ...request, ejected: (id) => out.has(id) });
      picked?.done();
      return picked?.endpoint.zone ?? "";
    });
    return tally(picks).get("near") ?? 0;
  };

  it("keeps all calls near while most of the zone is well", () => {
    expect(zones(0)).toBe(1000);
    expect(zones(1)).toBe(1000);
  });

  it("spills over in proportion to what is missing", () => {
    // Two of four are well: 0.5 × 1.4 of the calls stay.
    expect(Math.abs(zones(2) - 700)).toBeLessThan(60);
    expect(Math.abs(zones(3) - 350)).toBeLessThan(60);
    expect(zones(4)).toBe(0);
  });

  it("changes nothing for a caller without a zone", () => {
    const one = balancer({ preferZone: true });
    one.update([endpoint("a", { zone: "near" }), endpoint("b", { zone: "far" })]);
    const picks = Array.from({ length: 50 }, () => one.pick(request)?.endpoint.id ?? "");
    expect(tally(picks).size).toBe(2);
  });
});
