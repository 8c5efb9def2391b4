import { describe, expect, it } from "vitest";
import { type AdmissionState, decideAdmission } from "./admission.ts";
import { createLatencyTracker } from "./latency.ts";
import { admissionPolicy } from "./policies.fixture.ts";

function decide(more: Partial<AdmissionState> = {}) {
  const latency = createLatencyTracker();
  for (let call = 0; call < 100; call++) latency.record(200, 0);
  const usual = { policy: admissionPolicy, remainingMs: 1000, latency, eventLoopLagMs: 0, now: 0, random: () => 0.5 };
  return decideAdmission({ ...usual, ...more });
}

describe("a server", () => {
  it("takes in what can be ready in time", () => {
    expect(decide()).toEqual({ admitted: true });
    expect(decide({ remainingMs: Number.POSITIVE_INFINITY })).toEqual({ admitted: true });
  });

  it("refuses what would be ready too late, and says why", () => {
    expect(decide({ remainingMs: 100 })).toMatchObject({
      admitted: false,
      reason: "no_time",
      message: expect.stringMatching(/^100 ms are left, and such calls take 2\d\d ms$/),
    });
    expect(decide({ remainingMs: 240, eventLoopLagMs: 90 })).toMatchObject({ admitted: false });
    expect(decide({ remainingMs: 0 })).toMatchObject({ reason: "no_time" });
  });

  it("refuses everything while its event loop is late", () => {
    expect(decide({ eventLoopLagMs: 101 })).toMatchObject({ reason: "overload" });
  });

  it("takes one in ten in that look hopeless, to notice when it has recovered", () => {
    expect(decide({ remainingMs: 100, random: () => 0.09 })).toEqual({ admitted: true });
  });

  it("takes everything in before it knows enough, or when told to", () => {
    expect(decide({ remainingMs: 1, latency: createLatencyTracker() })).toEqual({ admitted: true });
    expect(decide({ policy: undefined, remainingMs: 0 })).toEqual({ admitted: true });
  });
});
