import { describe, expect, it } from "vitest";
import { Code } from "#gen/google/rpc/code_pb.ts";
import { endpointVerdict, type Testimony, targetVerdict } from "./code-class.ts";

function said(code: Code, more: Partial<Testimony> = {}): Testimony {
  return { code, givenMs: 1000, usualMs: undefined, ...more };
}

/** All codes for which a verdict is so. */
function codes(verdict: (testimony: Testimony) => string, wanted: string): string[] {
  return Object.entries(Code)
    .filter(([, code]) => verdict(said(code)) === wanted)
    .map(([name]) => name);
}

describe("what a code says", () => {
  it("about an endpoint", () => {
    expect(codes(endpointVerdict, "failure")).toEqual([
      "UNKNOWN",
      "DEADLINE_EXCEEDED",
      "INTERNAL",
      "UNAVAILABLE",
      "DATA_LOSS",
    ]);
    expect(codes(endpointVerdict, "nothing")).toEqual(["CANCELLED", "RESOURCE_EXHAUSTED"]);
  });

  it("about a target", () => {
    expect(codes(targetVerdict, "failure")).toEqual(["DEADLINE_EXCEEDED", "UNAVAILABLE"]);
  });

  it("is nothing when the caller had less time than calls usually take", () => {
    expect(endpointVerdict(said(Code.DEADLINE_EXCEEDED, { givenMs: 10, usualMs: 20 }))).toBe("nothing");
    expect(endpointVerdict(said(Code.DEADLINE_EXCEEDED, { givenMs: 30, usualMs: 20 }))).toBe("failure");
  });

  it("is a failure when the server has no room and says when to come back", () => {
    expect(targetVerdict(said(Code.RESOURCE_EXHAUSTED, { pushbackMs: 100 }))).toBe("failure");
  });
});
