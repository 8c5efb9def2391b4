import { describe, expect, it } from "vitest";
import { Code } from "#gen/google/rpc/code_pb.ts";
import { callPolicy, hedgePolicy } from "./policies.fixture.ts";
import { type Act, nothingLeft, scriptedWorld } from "./scripted-world.fixture.ts";

const no: Act = { afterMs: 10, code: Code.UNAVAILABLE };
const budget = { ratio: 0.2, minPerSecond: 10, ttlMs: 10_000 };
const method = "shop.catalog.v1.CatalogService/GetProduct";

/** A world in which the calls of the method have taken about 20 ms so far. */
function knownWorld(script: Record<string, readonly [Act, ...Act[]]>, more: Parameters<typeof callPolicy>[0] = {}) {
  const policy = callPolicy({ hedge: hedgePolicy, budget, ...more });
  const world = scriptedWorld(policy, script);
  const { latency } = world.guards.of(method, policy);
  for (let call = 0; call < 100; call++) latency.record(20, world.clock.now());
  return world;
}

describe("a hedged call", () => {
  it("starts a second attempt elsewhere when the first is slower than usual, and cancels the loser", async () => {
    const world = knownWorld({ a: [{ afterMs: 500 }], b: [{ afterMs: 10 }] });
    const { outcome, explanation } = await world.call();
    expect(outcome).toEqual({ ok: true, value: "b 2" });
    const delayMs = explanation.hedgeDelayMs ?? 0;
    expect(delayMs).toBeGreaterThanOrEqual(20);
    expect(delayMs).toBeLessThan(22.1);
    expect(explanation).toMatchObject({
      stopped: "answered",
      attempts: [
        { number: 1, kind: "first", endpoint: { id: "a" }, code: Code.CANCELLED, lost: true },
        { number: 2, kind: "hedge", endpoint: { id: "b" }, code: Code.OK, lost: false, durationMs: expect.closeTo(10) },
      ],
    });
    expect(world.seen[0]?.endedAt).toBe(world.clock.now());
    expect(world.clock.now()).toBeCloseTo(1000 + delayMs + 10);
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("makes one attempt when that is as fast as usual", async () => {
    const world = knownWorld({ a: [{ afterMs: 15 }], b: [{ afterMs: 1 }] });
    expect((await world.call()).explanation).toMatchObject({ attempts: [{ kind: "first" }], timeIn: { attempts: 15 } });
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("does not hedge before it knows what is usual", async () => {
    const world = scriptedWorld(callPolicy({ hedge: hedgePolicy, budget }), {
      a: [{ afterMs: 900 }],
      b: [{ afterMs: 1 }],
    });
    expect((await world.call()).explanation).toMatchObject({ hedgeDelayMs: undefined, attempts: [{}] });
  });

  it("is gated by the budget before the attempt, and waits for its first one then", async () => {
    const none = { ratio: 0, minPerSecond: 0, ttlMs: 1000 };
    const world = knownWorld({ a: [{ afterMs: 300 }], b: [{ afterMs: 1 }] }, { budget: none });
    const { outcome, explanation } = await world.call();
    expect(outcome).toEqual({ ok: true, value: "a 1" });
    expect(explanation).toMatchObject({ durationMs: 300, attempts: [{}], budgetLeft: 0 });
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("does not hedge at the endpoint that is slow already", async () => {
    const world = knownWorld({ a: [{ afterMs: 300 }] });
    expect((await world.call()).explanation).toMatchObject({ durationMs: 300, attempts: [{}], budgetLeft: 100.2 });
  });

  it("goes on at once when an attempt fails in a passing way", async () => {
    const world = knownWorld({ a: [no], b: [{ afterMs: 5 }] });
    const { explanation } = await world.call();
    expect(explanation).toMatchObject({
      durationMs: 15,
      attempts: [{ code: Code.UNAVAILABLE }, { kind: "retry", startedAfterMs: 10 }],
    });
  });

  it("waits for the other attempt when a hedge fails", async () => {
    const world = knownWorld({ a: [{ afterMs: 200 }], b: [{ ...no, afterMs: 1 }] });
    const { outcome, explanation } = await world.call();
    expect(outcome).toEqual({ ok: true, value: "a 1" });
    expect(explanation).toMatchObject({ durationMs: 200, attempts: [{}, { code: Code.UNAVAILABLE }] });
  });

  it("ends with an error that the request has earned, and cancels the others", async () => {
    const world = knownWorld({ a: [{ afterMs: 200 }], b: [{ afterMs: 1, code: Code.NOT_FOUND }] });
    const { outcome, explanation } = await world.call();
    expect(outcome).toMatchObject({ code: Code.NOT_FOUND });
    expect(explanation).toMatchObject({ stopped: "not_retryable", attempts: [{ lost: true }, { lost: false }] });
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("waits as long as a server says before it goes on, and stops when that forbids it", async () => {
    const patient = knownWorld({ a: [{ ...no, pushbackMs: 70 }], b: [{ afterMs: 5 }] });
    expect((await patient.call()).explanation).toMatchObject({
      durationMs: 85,
      timeIn: { attempts: 15, backoff: 70 },
    });
    const forbidden = knownWorld({ a: [{ ...no, pushbackMs: -1 }], b: [{ afterMs: 5 }] });
    expect((await forbidden.call()).explanation).toMatchObject({ stopped: "pushback", attempts: [{}] });
  });

  it("ends at the deadline with all its attempts, even deaf ones", async () => {
    const hangs: Act = { afterMs: Number.POSITIVE_INFINITY, deaf: true };
    const world = knownWorld({ a: [hangs], b: [hangs], c: [hangs] }, { hedge: { ...hedgePolicy, maxAttempts: 3 } });
    const { outcome, explanation } = await world.call({ deadline: 1300 });
    expect(outcome).toMatchObject({ code: Code.DEADLINE_EXCEEDED });
    expect(explanation).toMatchObject({ durationMs: 300, outcome: { by: "deadline" } });
    expect(explanation.attempts.map(({ code }) => code)).toEqual(
      explanation.attempts.map(() => Code.DEADLINE_EXCEEDED),
    );
    expect(world.seen.map(({ endpoint }) => endpoint)).toEqual(["a", "b", "c"]);
    expect(world.seen.map(({ endedAt }) => endedAt)).toEqual([1300, 1300, 1300]);
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("does not hold a slow service for fast because its hedges win", async () => {
    const generous = { ratio: 1, minPerSecond: 1000, ttlMs: 10_000 };
    const hedge = { ...hedgePolicy, quantile: 0.6 };
    const world = knownWorld({ a: [{ afterMs: 500 }], b: [{ afterMs: 1 }] }, { hedge, budget: generous });
    for (let call = 0; call < 400; call++) {
      const { explanation } = await world.call();
      expect(explanation.attempts).toHaveLength(2);
      expect(explanation.hedgeDelayMs).toBeGreaterThanOrEqual(20);
    }
  });
});
