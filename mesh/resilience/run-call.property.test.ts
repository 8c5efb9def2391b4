import { getEventListeners } from "node:events";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { CallPolicy } from "#mesh/contract";
import {
  anyCode,
  breakerPolicy,
  budgetPolicy,
  callPolicy,
  ejectionPolicy,
  hedgePolicy,
  retryPolicy,
} from "./policies.fixture.ts";
import type { CallResult } from "./run-call.ts";
import { type Act, nothingLeft, scriptedWorld } from "./scripted-world.fixture.ts";

const anyAct: fc.Arbitrary<Act> = fc.record(
  {
    afterMs: fc.oneof(fc.nat(400), fc.constant(Number.POSITIVE_INFINITY)),
    code: fc.oneof(fc.constantFrom(0, 14, 14), anyCode),
    progress: fc.constantFrom("unsent", "not_processed", "maybe_processed", "maybe_processed", "committed"),
    pushbackMs: fc.integer({ min: -1, max: 300 }),
    deaf: fc.boolean(),
    opensAfterMs: fc.nat(50),
    throws: fc.nat(20).map((draw) => draw === 0),
  },
  { requiredKeys: ["afterMs"] },
);

const anyPolicy: fc.Arbitrary<CallPolicy> = fc
  .record({
    kind: fc.constantFrom("plain", "retry", "timeout", "hedge"),
    limited: fc.boolean(),
    guarded: fc.boolean(),
    maxConcurrent: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ kind, limited, guarded, maxConcurrent }) =>
    callPolicy({
      retry:
        kind === "retry" ? retryPolicy : kind === "timeout" ? { ...retryPolicy, attemptTimeoutMs: 100 } : undefined,
      hedge: kind === "hedge" ? { ...hedgePolicy, maxAttempts: 3 } : undefined,
      budget: limited || kind === "hedge" ? budgetPolicy : undefined,
      breaker: guarded ? breakerPolicy : undefined,
      ejection: guarded ? ejectionPolicy : undefined,
      bulkhead: guarded ? { maxConcurrent, maxQueue: 2, maxWaitMs: 150 } : undefined,
    }),
  );

const anyScript = fc.array(fc.array(anyAct, { minLength: 1, maxLength: 4 }), { maxLength: 4 });
const anyCalls = fc.array(
  fc.record({
    ...{ afterMs: fc.nat(200), timeoutMs: fc.nat(800), cancelAfterMs: fc.option(fc.nat(600)), stream: fc.boolean() },
  }),
  { minLength: 1, maxLength: 12 },
);

interface Limits {
  readonly timeoutMs: number;
  readonly endpoints: number;
}

function checkCall({ outcome, explanation }: CallResult<string>, policy: CallPolicy, limits: Limits): void {
  const { timeoutMs, endpoints } = limits;
  const { attempts, durationMs, timeIn } = explanation;
  expect(durationMs).toBeLessThanOrEqual(timeoutMs);
  expect(timeIn.fault + timeIn.queue + timeIn.attempts + timeIn.backoff).toBeCloseTo(durationMs);
  const most = policy.hedge?.maxAttempts ?? policy.retry?.maxAttempts ?? 1;
  expect(attempts.filter(({ kind }) => kind !== "transparent").length).toBeLessThanOrEqual(most);
  expect(attempts.filter(({ kind }) => kind === "transparent").length).toBeLessThanOrEqual(Math.max(1, endpoints));
  expect(attempts.map(({ number }) => number)).toEqual(attempts.map((_, index) => index + 1));
  for (const { startedAfterMs, durationMs: attemptMs } of attempts) {
    expect(startedAfterMs + attemptMs).toBeLessThanOrEqual(durationMs + 1e-6);
  }
  if (outcome.ok) expect(attempts.some(({ code }) => code === 0)).toBe(true);
  expect(JSON.parse(JSON.stringify(explanation)).attempts).toHaveLength(attempts.length);
}

it("ends every call in time, explains all of it, and leaves nothing behind, whatever endpoints and callers do", async () => {
  await fc.assert(
    fc.asyncProperty(anyPolicy, anyScript, anyCalls, async (policy, acts, calls) => {
      const script: Record<string, readonly [Act, ...Act[]]> = {};
      for (const [index, [first, ...others]] of acts.entries()) if (first) script[`e${index}`] = [first, ...others];
      const world = scriptedWorld(policy, script, { random: () => 0.5 });
      const running: Promise<void>[] = [];
      const extra = { attempts: 0 };
      for (const { afterMs, timeoutMs, cancelAfterMs, stream } of calls) {
        await world.clock.advance(afterMs);
        const caller = new AbortController();
        const over = new AbortController();
        if (cancelAfterMs !== null) {
          void world.clock.sleep(cancelAfterMs, over.signal).then(() => {
            if (!over.signal.aborted) caller.abort();
          });
        }
        const call = world.begin({ deadline: world.clock.now() + timeoutMs, signal: caller.signal, stream });
        running.push(
          call.then((result) => {
            over.abort();
            expect(getEventListeners(caller.signal, "abort")).toEqual([]);
            extra.attempts += result.explanation.attempts.filter(
              ({ kind }) => kind === "retry" || kind === "hedge",
            ).length;
            checkCall(result, policy, { timeoutMs, endpoints: acts.length });
          }),
        );
      }
      await world.clock.run(Promise.all(running));
      // Deaf endpoints go on beyond the call; their timers are their own.
      await world.clock.advance(1000);
      expect(world.underWay()).toEqual(nothingLeft);
      expect(world.guards.shared.breaker?.snapshot(world.clock.now()).probes.underWay ?? 0).toBe(0);
      if (policy.budget) {
        const { ratio, minPerSecond, ttlMs } = policy.budget;
        expect(extra.attempts).toBeLessThanOrEqual(calls.length * ratio + (minPerSecond * ttlMs) / 1000 + 1e-6);
      }
    }),
    { numRuns: 150 },
  );
});

it("never goes to an endpoint twice while there is one that the call has not tried", async () => {
  const count = fc.integer({ min: 1, max: 4 });
  await fc.assert(
    fc.asyncProperty(count, fc.boolean(), async (endpoints, hedged) => {
      const script: Record<string, readonly [Act, ...Act[]]> = {};
      for (let index = 0; index < endpoints; index++) script[`e${index}`] = [{ afterMs: 10, code: 14 }];
      const policy = hedged
        ? callPolicy({ hedge: { ...hedgePolicy, maxAttempts: 4 }, budget: budgetPolicy })
        : callPolicy({ retry: { ...retryPolicy, maxAttempts: 4 } });
      const world = scriptedWorld(policy, script);
      const { explanation } = await world.call();
      const tried = explanation.attempts.map(({ endpoint }) => endpoint.id);
      expect(tried).toHaveLength(4);
      expect(new Set(tried.slice(0, endpoints)).size).toBe(endpoints);
    }),
    { numRuns: 30 },
  );
});
