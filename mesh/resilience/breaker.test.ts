import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Breaker, type BreakerPermit, createBreaker } from "./breaker.ts";
import type { Verdict } from "./code-class.ts";
import { breakerPolicy } from "./policies.fixture.ts";

function enter(breaker: Breaker, now: number): BreakerPermit {
  const answer = breaker.tryEnter(now);
  return answer.allowed ? answer.permit : expect.fail("the breaker refuses");
}

function calls(breaker: Breaker, verdicts: readonly Verdict[], now: number): void {
  for (const verdict of verdicts) enter(breaker, now).end(verdict, now);
}

function opened(now = 0): Breaker {
  const breaker = createBreaker(breakerPolicy);
  calls(breaker, ["failure", "failure", "failure"], now);
  return breaker;
}

describe("a closed breaker", () => {
  it("opens after failures in a row", () => {
    const breaker = createBreaker(breakerPolicy);
    calls(breaker, ["failure", "failure", "success", "failure", "failure"], 0);
    expect(breaker.snapshot(0)).toMatchObject({ state: "closed", consecutiveFailures: 2, successes: 1, failures: 4 });
    calls(breaker, ["failure"], 0);
    expect(breaker.snapshot(0)).toMatchObject({ state: "open", since: 0 });
  });

  it("opens at the rate, once there is enough to judge by", () => {
    const breaker = createBreaker(breakerPolicy);
    for (let pair = 0; pair < 4; pair++) calls(breaker, ["success", "failure"], 0);
    calls(breaker, ["success"], 0);
    expect(breaker.snapshot(0).state).toBe("closed");
    calls(breaker, ["failure"], 0);
    expect(breaker.snapshot(0).state).toBe("open");
  });

  it("forgets what is older than the window", () => {
    const breaker = createBreaker(breakerPolicy);
    for (let pair = 0; pair < 4; pair++) calls(breaker, ["failure", "success"], 0);
    calls(breaker, ["success", "failure"], 11_000);
    expect(breaker.snapshot(11_000)).toMatchObject({ state: "closed", successes: 1, failures: 1 });
  });

  it("counts nothing for a call that was cancelled", () => {
    const breaker = createBreaker(breakerPolicy);
    calls(breaker, ["failure", "failure", "nothing", "nothing"], 0);
    expect(breaker.snapshot(0)).toMatchObject({ state: "closed", consecutiveFailures: 2 });
  });
});

describe("an open breaker", () => {
  it("refuses until its time is over and says how long that is", () => {
    const breaker = opened();
    expect(breaker.tryEnter(1000)).toEqual({ allowed: false, retryAfterMs: 4000 });
    expect(breaker.tryEnter(5000).allowed).toBe(true);
    expect(breaker.snapshot(5000).state).toBe("half_open");
  });

  it("does not listen to calls from before", () => {
    const breaker = createBreaker(breakerPolicy);
    const early = enter(breaker, 0);
    calls(breaker, ["failure", "failure", "failure"], 0);
    early.end("success", 5000);
    expect(breaker.snapshot(5000)).toMatchObject({ state: "half_open", probes: { underWay: 0, succeeded: 0 } });
  });

  it("closes when an operator resets it, and has forgotten its failures", () => {
    const breaker = opened();
    breaker.reset(1);
    expect(breaker.snapshot(1)).toMatchObject({ state: "closed", consecutiveFailures: 0, failures: 0 });
  });
});

describe("a half open breaker", () => {
  it("lets one probe through at a time, and closes after enough of them", () => {
    const breaker = opened();
    const first = enter(breaker, 5000);
    expect(first.probe).toBe(true);
    expect(breaker.tryEnter(5100)).toEqual({ allowed: false, retryAfterMs: 900 });
    first.end("success", 5200);
    expect(breaker.snapshot(5200)).toMatchObject({ state: "half_open", probes: { underWay: 0, succeeded: 1 } });
    enter(breaker, 5300).end("success", 5400);
    expect(breaker.snapshot(5400).state).toBe("closed");
  });

  it("opens again when a probe fails", () => {
    const breaker = opened();
    enter(breaker, 5000).end("failure", 5100);
    expect(breaker.snapshot(5100)).toMatchObject({ state: "open", since: 5100 });
  });

  it("does not hang on a probe that never ends: it expires and counts as failed", () => {
    const breaker = opened();
    const stuck = enter(breaker, 5000);
    expect(breaker.snapshot(6000)).toMatchObject({ state: "open", since: 6000 });
    stuck.end("success", 6500);
    expect(breaker.snapshot(6500).state).toBe("open");
    expect(enter(breaker, 11_000).probe).toBe(true);
  });

  it("closes with a clean record, which no call from before it opened can spoil", () => {
    const breaker = createBreaker(breakerPolicy);
    const early = enter(breaker, 0);
    calls(breaker, ["failure", "failure", "failure"], 0);
    calls(breaker, ["success", "success"], 5000);
    early.end("failure", 5001);
    expect(breaker.snapshot(5001)).toMatchObject({ state: "closed", consecutiveFailures: 0, failures: 0 });
  });

  it("lets another probe through when one was cancelled", () => {
    const breaker = opened();
    enter(breaker, 5000).end("nothing", 5100);
    expect(enter(breaker, 5100).probe).toBe(true);
  });
});

it("never hangs: whatever happened, it lets a call through after the longest wait", () => {
  const step = fc.record({
    afterMs: fc.nat(3000),
    action: fc.constantFrom("enter", "enter", "success", "failure", "nothing", "again"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const breaker = createBreaker(breakerPolicy);
      const permits: BreakerPermit[] = [];
      let now = 0;
      for (const { afterMs, action } of steps) {
        now += afterMs;
        if (action === "enter") {
          const answer = breaker.tryEnter(now);
          if (answer.allowed) permits.push(answer.permit);
          else expect(answer.retryAfterMs).toBeGreaterThan(0);
        } else if (action === "again") permits[0]?.end("failure", now);
        else permits.pop()?.end(action, now);
        const { state, probes } = breaker.snapshot(now);
        expect(probes.underWay).toBeLessThanOrEqual(state === "half_open" ? breakerPolicy.probes : 0);
        expect(probes.succeeded).toBeLessThan(breakerPolicy.successesToClose);
      }
      // The last probe expires, and the breaker's time passes.
      const later = now + breakerPolicy.probeDeadlineMs + breakerPolicy.openMs;
      expect(breaker.tryEnter(later).allowed).toBe(true);
    }),
  );
});
