import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Code } from "#gen/google/rpc/code_pb.ts";
import { TrafficRulesSchema } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import {
  formatTrafficRules,
  injectFault,
  mirrorCall,
  parseMirror,
  parseSplit,
  parseTrafficRules,
  routeCall,
  type TrafficCall,
  TrafficRulesError,
  withMirror,
  withSplit,
} from "./index.ts";

const method = "shop.catalog.v1.CatalogService/GetProduct";

function callOf(more: { user?: string; headers?: Record<string, string>; method?: string } = {}): TrafficCall {
  return { method: more.method ?? method, header: (name) => more.headers?.[name], user: more.user };
}

const rulesOf = (rules: object) => parseTrafficRules(JSON.stringify(rules));
const split = (...shares: string[]) => withSplit(create(TrafficRulesSchema), parseSplit(shares));
const versionOf = (rules: ReturnType<typeof split>, user: string) =>
  routeCall(rules, callOf({ user }), () => 0)?.version;

describe("a split", () => {
  it("follows the weights, drawn for whoever is unknown", () => {
    const rules = split("v1=90", "v2=10");
    const at = (point: number) => routeCall(rules, callOf(), () => point);
    expect(at(0.899)).toEqual({ version: "v1", reason: "route 1: v1=90 v2=10" });
    expect(at(0.9)?.version).toBe("v2");
  });

  it("keeps a user with one version, and moves nobody out of the share that grows", () => {
    const growth = fc.record({ user: fc.uuid(), from: fc.nat(100), more: fc.nat(100) });
    fc.assert(
      fc.property(growth, ({ user, from, more }) => {
        const to = Math.min(100, from + more);
        const before = versionOf(split(`v1=${100 - from}`, `v2=${from}`), user);
        const after = versionOf(split(`v1=${100 - to}`, `v2=${to}`), user);
        if (before === "v2") expect(after).toBe("v2");
        expect(versionOf(split(`v1=${100 - to}`, `v2=${to}`), user)).toBe(after);
      }),
    );
  });

  it("gives each version its part of the users", () => {
    const users = Array.from({ length: 5000 }, (_, index) => `user-${index}`);
    const canary = users.filter((user) => versionOf(split("v1=90", "v2=10"), user) === "v2").length;
    expect(Math.abs(canary - 500)).toBeLessThan(65);
  });

  it("never chooses a version without weight", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (point) => {
        expect(routeCall(split("v0=0", "v1=3", "v2=0"), callOf(), () => point)?.version).toBe("v1");
      }),
    );
  });

  it("is read from what people write, and says what it does not understand", () => {
    for (const share of ["v1", "v1=", "=3", "v1=-1", "v1=1.5", "v1 = 3"]) {
      expect(() => parseSplit([share])).toThrow(TrafficRulesError);
    }
  });

  it("replaces the one before and leaves other routes alone; an empty one takes it away", () => {
    const rules = rulesOf({
      routes: [{ match: { users: ["ada"] }, split: [{ version: "v2", weight: 1 }] }],
    });
    const twice = withSplit(withSplit(rules, parseSplit(["v1=1"])), parseSplit(["v1=1", "v2=1"]));
    expect(twice.routes.map((route) => route.split.length)).toEqual([1, 2]);
    expect(withSplit(twice, [])).toEqual(rules);
  });
});

describe("a route", () => {
  const rules = rulesOf({
    routes: [
      { match: { headers: [{ name: "x-canary" }] }, split: [{ version: "canary", weight: 1 }] },
      { match: { headers: [{ name: "x-team", value: "tea" }], users: ["ada"] }, split: [{ version: "v2", weight: 1 }] },
      { match: { methods: [method] }, split: [{ version: "v1", weight: 1 }] },
    ],
  });
  const to = (call: TrafficCall) => routeCall(rules, call, () => 0)?.version;

  it("is the first of which everything holds", () => {
    expect(to(callOf({ headers: { "x-canary": "" } }))).toBe("canary");
    expect(to(callOf({ headers: { "x-team": "tea" }, user: "ada" }))).toBe("v2");
    expect(to(callOf({ headers: { "x-team": "tea" }, user: "bob" }))).toBe("v1");
    expect(to(callOf({ headers: { "x-team": "coffee" }, user: "ada" }))).toBe("v1");
    expect(to(callOf({ method: "other" }))).toBeUndefined();
  });
});

describe("a fault", () => {
  const rules = rulesOf({
    faults: [
      { match: { headers: [{ name: "x-fault" }] }, percentage: 100, abort: "ABORTED" },
      { percentage: 25, delay: "0.2s", abort: "UNAVAILABLE" },
    ],
  });
  const at = (point: number, allowed = true) => injectFault(rules, callOf(), { allowed, random: () => point });

  it("is put into its part of the calls", () => {
    expect(at(0.24)).toEqual({ delayMs: 200, abort: Code.UNAVAILABLE });
    expect(at(0.25)).toBeUndefined();
  });

  it("can be asked for by a header", () => {
    const call = callOf({ headers: { "x-fault": "yes" } });
    expect(injectFault(rules, call, { allowed: true, random: () => 0.99 })).toEqual({
      delayMs: 0,
      abort: Code.ABORTED,
    });
  });

  it("is put into no call where faults are not allowed", () => {
    expect(at(0, false)).toBeUndefined();
  });
});

describe("a mirror", () => {
  const rules = rulesOf({
    mirrors: [
      { match: { methods: ["other"] }, version: "v3", percentage: 100 },
      { version: "v2", percentage: 2.5 },
    ],
  });

  it("copies its part of the calls", () => {
    expect(mirrorCall(rules, callOf(), () => 0.024)).toBe("v2");
    expect(mirrorCall(rules, callOf(), () => 0.025)).toBeUndefined();
    expect(mirrorCall(rules, callOf({ method: "other" }), () => 0.99)).toBe("v3");
  });

  it("is read from what people write, replaces the one before and leaves all else alone", () => {
    const more = withMirror(withSplit(rules, parseSplit(["v1=1"])), parseMirror("v2=0.5"));
    expect(more.mirrors.map(({ version, percentage }) => [version, percentage])).toEqual([
      ["v3", 100],
      ["v2", 0.5],
    ]);
    expect(parseTrafficRules(formatTrafficRules(more))).toEqual(more);
    expect(withMirror(more, undefined).mirrors).toEqual(rules.mirrors.slice(0, 1));
    for (const share of ["v2", "v2=", "=3", "v2=-1", "v2=1e1", "v2 = 3"]) {
      expect(() => parseMirror(share)).toThrow(TrafficRulesError);
    }
  });
});

describe("rules that make no sense are refused", () => {
  it.each<[string, object, string]>([
    ["a misspelt name", { route: [] }, "route"],
    ["a route without versions", { routes: [{}] }, "route 1 leads nowhere"],
    ["nothing but zero weights", { routes: [{ split: [{ version: "v1" }] }] }, "route 1 leads nowhere"],
    ["a share without a version", { routes: [{ split: [{ weight: 1 }] }] }, "share without a version"],
    ["a weight below zero", { routes: [{ split: [{ version: "v1", weight: -1 }] }] }, "weight out of range"],
    [
      "a version twice",
      {
        routes: [
          {
            split: [
              { version: "v1", weight: 1 },
              { version: "v1", weight: 2 },
            ],
          },
        ],
      },
      "names a version twice",
    ],
    [
      "a route behind one for all",
      { routes: [{ split: [{ version: "v1", weight: 1 }] }, { match: {}, split: [{ version: "v2", weight: 1 }] }] },
      "route 2 is never reached",
    ],
    [
      "a header in capitals",
      { faults: [{ match: { headers: [{ name: "X-A" }] }, percentage: 1, abort: 14 }] },
      '"X-A"',
    ],
    ["a fault that does nothing", { faults: [{ percentage: 1 }] }, "fault 1 does nothing"],
    ["a percentage of nothing", { faults: [{ abort: 14 }] }, "percentage out of range"],
    ["a percentage that is no number", { faults: [{ percentage: "NaN", abort: 14 }] }, "percentage out of range"],
    ["a mirror without a version", { mirrors: [{ percentage: 1 }] }, "mirror 1 has no version"],
    ["a mirror of more than all", { mirrors: [{ version: "v2", percentage: 101 }] }, "percentage out of range"],
    [
      "a mirror behind one for all",
      {
        mirrors: [
          { version: "v2", percentage: 1 },
          { version: "v3", percentage: 1 },
        ],
      },
      "mirror 2 is never reached",
    ],
    ["an endless delay", { faults: [{ percentage: 1, delay: "400s" }] }, "delay out of range"],
    ["an unknown code", { faults: [{ percentage: 1, abort: 77 }] }, "unknown code 77"],
  ])("for %s", (_title, rules, fault) => {
    expect(() => rulesOf(rules)).toThrow(fault);
    expect(() => rulesOf(rules)).toThrow(TrafficRulesError);
  });

  it("and never written", () => {
    expect(() => formatTrafficRules(withSplit(create(TrafficRulesSchema), parseSplit(["v1=0"])))).toThrow(
      "leads nowhere",
    );
    const rules = split("v1=90", "v2=10");
    expect(parseTrafficRules(formatTrafficRules(rules))).toEqual(rules);
  });
});
