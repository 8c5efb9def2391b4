import { describe, expect, it } from "vitest";
import { Code } from "#gen/google/rpc/code_pb.ts";
import type { Outcome } from "./outcome.ts";
import {
  breakerPolicy,
  budgetPolicy,
  callPolicy,
  ejectionPolicy,
  hedgePolicy,
  retryPolicy,
} from "./policies.fixture.ts";
import { nothingLeft, scriptedWorld } from "./scripted-world.fixture.ts";

const no = { afterMs: 10, code: Code.UNAVAILABLE };
const yes = { afterMs: 10 };
const hangs = { afterMs: Number.POSITIVE_INFINITY };

const codeOf = (outcome: Outcome<unknown>) => (outcome.ok ? Code.OK : outcome.code);

describe("retries", () => {
  it("go to endpoints that the call has not tried, and are explained", async () => {
    const world = scriptedWorld(callPolicy({ retry: retryPolicy }), { a: [no], b: [no], c: [yes] });
    const { outcome, explanation } = await world.call();
    expect(outcome).toEqual({ ok: true, value: "c 3" });
    expect(explanation).toMatchObject({
      method: "shop.catalog.v1.CatalogService/GetProduct",
      target: "shop.catalog",
      durationMs: 30,
      deadlineMs: 10_000,
      outcome: { code: Code.OK, by: "endpoint" },
      stopped: "answered",
      attempts: [
        { number: 1, kind: "first", endpoint: { id: "a", zone: "z" }, code: Code.UNAVAILABLE, message: "a says no" },
        { number: 2, kind: "retry", endpoint: { id: "b" }, startedAfterMs: 10, durationMs: 10 },
        { number: 3, kind: "retry", endpoint: { id: "c" }, startedAfterMs: 20, durationMs: 10, code: Code.OK },
      ],
      timeIn: { fault: 0, queue: 0, attempts: 30, backoff: 0 },
    });
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("come back to an endpoint when there is no other, after the backoff", async () => {
    const world = scriptedWorld(callPolicy({ retry: retryPolicy }), { a: [no, no, yes] }, { random: () => 0.5 });
    const { outcome, explanation } = await world.call();
    expect(outcome.ok).toBe(true);
    expect(explanation.timeIn).toEqual({ fault: 0, queue: 0, attempts: 30, backoff: 12.5 + 25 });
  });

  it("end with the last failure when the attempts are used up", async () => {
    const world = scriptedWorld(callPolicy({ retry: retryPolicy }), { a: [no], b: [no] });
    const { outcome, explanation } = await world.call();
    expect(codeOf(outcome)).toBe(Code.UNAVAILABLE);
    expect(explanation).toMatchObject({ stopped: "attempts_used_up", attempts: [{}, {}, {}] });
  });

  it("are made for a request that nobody has looked at even without a policy, once", async () => {
    const refused = { ...no, progress: "not_processed" } as const;
    const world = scriptedWorld(callPolicy(), { a: [refused], b: [refused], c: [yes] });
    const { explanation } = await world.call();
    expect(explanation.attempts.map(({ kind }) => kind)).toEqual(["first", "transparent"]);
    expect(explanation.stopped).toBe("no_policy");
  });

  it("are made at every endpoint for a request that has not left, even without a policy", async () => {
    const unsent = { ...no, progress: "unsent" } as const;
    const world = scriptedWorld(callPolicy(), { a: [unsent], b: [unsent], c: [unsent], d: [unsent] });
    const { explanation } = await world.call();
    expect(explanation.attempts.map(({ kind }) => kind)).toEqual(["first", ...Array(3).fill("transparent")]);
    expect(new Set(explanation.attempts.map(({ endpoint }) => endpoint.id)).size).toBe(4);
    const hedged = scriptedWorld(callPolicy({ hedge: hedgePolicy, budget: budgetPolicy }), {
      ...{ a: [unsent], b: [unsent], c: [unsent], d: [yes] },
    });
    expect((await hedged.call()).outcome.ok).toBe(true);
  });

  it("stop when the budget is empty, for all calls of the target together", async () => {
    const budget = { ratio: 0, minPerSecond: 1, ttlMs: 2000 };
    const world = scriptedWorld(callPolicy({ retry: retryPolicy, budget }), { a: [no] });
    const attempts: number[] = [];
    for (let call = 0; call < 3; call++) attempts.push((await world.call()).explanation.attempts.length);
    expect(attempts).toEqual([3, 1, 1]);
    expect((await world.call()).explanation).toMatchObject({ stopped: "budget_empty", budgetLeft: 0 });
  });

  it("are made for an attempt that takes too long, which is ended", async () => {
    const retry = { ...retryPolicy, attemptTimeoutMs: 50, codes: new Set<Code>([Code.DEADLINE_EXCEEDED]) };
    const world = scriptedWorld(callPolicy({ retry }), { a: [hangs], b: [yes] });
    const { outcome, explanation } = await world.call();
    expect(outcome.ok).toBe(true);
    expect(explanation.attempts).toMatchObject([
      { code: Code.DEADLINE_EXCEEDED, durationMs: 50, message: "the attempt took longer than 50 ms" },
      { code: Code.OK },
    ]);
    expect(world.seen[0]).toMatchObject({ deadline: 1050, endedAt: 1050 });
    expect(world.underWay()).toEqual(nothingLeft);
  });
});

describe("the end of a call", () => {
  it("comes at the deadline, whatever an endpoint does", async () => {
    const world = scriptedWorld(callPolicy({ retry: retryPolicy }), { a: [{ ...hangs, deaf: true }] });
    const { outcome, explanation } = await world.call({ deadline: 1300 });
    expect(codeOf(outcome)).toBe(Code.DEADLINE_EXCEEDED);
    expect(explanation).toMatchObject({
      durationMs: 300,
      outcome: { by: "deadline" },
      stopped: "ended",
      attempts: [{ code: Code.DEADLINE_EXCEEDED, durationMs: 300 }],
    });
    expect(world.seen[0]).toMatchObject({ endedAt: 1300 });
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("comes when the caller cancels, also in a backoff", async () => {
    const retry = { ...retryPolicy, initialBackoffMs: 1000, maxBackoffMs: 1000 };
    const world = scriptedWorld(callPolicy({ retry }), { a: [no] }, { random: () => 0.9 });
    const caller = new AbortController();
    const call = world.begin({ signal: caller.signal });
    await world.clock.advance(500);
    caller.abort();
    const { outcome, explanation } = await call;
    expect(codeOf(outcome)).toBe(Code.CANCELLED);
    expect(explanation).toMatchObject({ durationMs: 500, outcome: { by: "caller" }, timeIn: { backoff: 490 } });
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("has come before an attempt when the deadline has passed or the caller is gone", async () => {
    const world = scriptedWorld(callPolicy(), { a: [yes] });
    const late = await world.call({ deadline: 1000 });
    const gone = await world.call({ signal: AbortSignal.abort() });
    expect([late, gone].map(({ outcome }) => codeOf(outcome))).toEqual([Code.DEADLINE_EXCEEDED, Code.CANCELLED]);
    expect(world.seen).toEqual([]);
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("is told when no endpoint is known, and does not count against the target", async () => {
    const breaker = { ...breakerPolicy, consecutiveFailures: 1 };
    const world = scriptedWorld(callPolicy({ retry: retryPolicy, breaker }), {});
    const { outcome, explanation } = await world.call();
    expect(outcome).toMatchObject({ code: Code.UNAVAILABLE, message: "no endpoint of shop.catalog is known" });
    expect(explanation).toMatchObject({ stopped: "no_endpoint", outcome: { by: "no_endpoint" } });
    expect(explanation.breaker).toEqual({ before: "closed", after: "closed", probe: false });
  });

  it("comes as an error of the transport when that fails", async () => {
    const world = scriptedWorld(callPolicy(), { a: [{ afterMs: 0, throws: true }] });
    const { outcome } = await world.call();
    expect(outcome).toMatchObject({ code: Code.INTERNAL, error: new Error("a defect") });
    expect(world.underWay()).toEqual(nothingLeft);
  });
});

describe("the breaker of a target", () => {
  it("opens for failing calls, refuses at once, probes, and closes", async () => {
    const breaker = { ...breakerPolicy, consecutiveFailures: 2 };
    const world = scriptedWorld(callPolicy({ breaker }), { a: [no, no, yes] });
    await world.call();
    expect((await world.call()).explanation.breaker).toEqual({ before: "closed", after: "open", probe: false });
    const refused = await world.call();
    expect(refused.explanation).toMatchObject({ durationMs: 0, attempts: [], outcome: { by: "breaker" } });
    expect(refused.outcome).toMatchObject({
      code: Code.UNAVAILABLE,
      message: "the breaker of shop.catalog is open for another 5000 ms",
    });
    await world.clock.advance(5000);
    expect((await world.call()).explanation.breaker).toEqual({ before: "half_open", after: "half_open", probe: true });
    expect((await world.call()).explanation.breaker).toMatchObject({ before: "half_open", after: "closed" });
  });

  it("is not shut by one method with a defect, nor by callers who cancel", async () => {
    const breaker = { ...breakerPolicy, consecutiveFailures: 1 };
    const world = scriptedWorld(callPolicy({ breaker }), { a: [{ afterMs: 1, code: Code.INTERNAL }] });
    expect((await world.call()).explanation.breaker?.after).toBe("closed");
    expect((await world.call({ signal: AbortSignal.abort() })).explanation.breaker?.after).toBe("closed");
  });

  it("belongs to one method where the contract says so", async () => {
    const breaker = { ...breakerPolicy, consecutiveFailures: 1 };
    const policy = callPolicy({ breaker, own: { breaker: true, bulkhead: false } });
    const world = scriptedWorld(policy, { a: [no] });
    await world.call({ method: "one" });
    expect((await world.call({ method: "one" })).explanation.outcome.by).toBe("breaker");
    expect((await world.call({ method: "other" })).explanation.outcome.by).toBe("endpoint");
  });
});

describe("the ejection of an endpoint", () => {
  it("keeps calls away from it until its time is over", async () => {
    const world = scriptedWorld(callPolicy({ retry: retryPolicy, ejection: ejectionPolicy }), { a: [no], b: [yes] });
    const attempts = [];
    for (let call = 0; call < 8; call++) attempts.push(...(await world.call()).explanation.attempts);
    const tried = world.seen.filter(({ endpoint }) => endpoint === "a").length;
    expect(tried).toBe(ejectionPolicy.consecutiveFailures);
    const toFailing = attempts.filter(({ endpoint }) => endpoint.id === "a");
    expect(toFailing.map(({ ejected }) => ejected)).toEqual([...Array(tried - 1).fill(false), true]);
    expect(attempts.filter(({ ejected }) => ejected).length).toBe(1);
    await world.clock.advance(ejectionPolicy.baseMs);
    await world.call();
    await world.call();
    expect(world.seen.filter(({ endpoint }) => endpoint === "a").length).toBeGreaterThan(tried);
  });

  it("is not caused by callers who have less time than calls usually take", async () => {
    const slow = { afterMs: 100 };
    const world = scriptedWorld(callPolicy({ ejection: ejectionPolicy }), { a: [slow], b: [slow] });
    for (let call = 0; call < 40; call++) await world.call();
    for (let call = 0; call < 20; call++) await world.call({ deadline: world.clock.now() + 1 });
    expect(world.guards.shared.ejection?.snapshot(world.clock.now())).toMatchObject([
      { consecutiveFailures: 0, times: 0 },
      { consecutiveFailures: 0, times: 0 },
    ]);
  });
});

describe("the bulkhead of a target", () => {
  const bulkhead = { maxConcurrent: 1, maxQueue: 1, maxWaitMs: 100 };

  it("has calls wait for a place, in turn, and refuses more than may wait", async () => {
    const world = scriptedWorld(callPolicy({ bulkhead }), { a: [{ afterMs: 50 }] });
    const [first, second, third] = await world.clock.run(Promise.all([world.begin(), world.begin(), world.begin()]));
    expect(first?.explanation.timeIn).toMatchObject({ queue: 0, attempts: 50 });
    expect(second?.explanation).toMatchObject({
      timeIn: { queue: 50, attempts: 50 },
      bulkhead: { underWay: 1, waiting: 0 },
    });
    expect(third?.outcome).toMatchObject({ code: Code.RESOURCE_EXHAUSTED });
    expect(third?.explanation.outcome.by).toBe("bulkhead");
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("lets nobody wait longer than it says, or than the call's deadline", async () => {
    const world = scriptedWorld(callPolicy({ bulkhead }), { a: [{ afterMs: 500 }] });
    const busy = world.begin();
    const patient = await world.call();
    expect(patient.explanation).toMatchObject({ durationMs: 100, outcome: { by: "bulkhead" } });
    const hasty = await world.call({ deadline: world.clock.now() + 20 });
    expect(hasty.explanation).toMatchObject({ durationMs: 20, outcome: { by: "deadline" } });
    await world.clock.run(busy);
    expect(world.underWay()).toEqual(nothingLeft);
  });
});

describe("a fallback", () => {
  const fallback = { key: "product 1 of ada", empty: () => "" };

  it("answers with what the target last said, as long as that is not too old", async () => {
    const policy = callPolicy({ fallback: { answer: "cached", maxAgeMs: 1000 } });
    const world = scriptedWorld(policy, { a: [yes, no] });
    await world.call({ fallback });
    await world.clock.advance(500);
    const { outcome, explanation } = await world.call({ fallback });
    expect(outcome).toEqual({ ok: true, value: "a 1" });
    expect(explanation).toMatchObject({ outcome: { by: "fallback" }, fallbackAgeMs: 510, attempts: [{}] });
    expect((await world.call({ fallback: { ...fallback, key: "product 1 of bob" } })).outcome.ok).toBe(false);
    await world.clock.advance(1000);
    expect((await world.call({ fallback })).outcome.ok).toBe(false);
  });

  it("answers with nothing where the contract says so, but not for an error that the request has earned", async () => {
    const world = scriptedWorld(callPolicy({ fallback: { answer: "empty" } }), {
      a: [no, { afterMs: 1, code: Code.NOT_FOUND }],
    });
    expect((await world.call({ fallback })).outcome).toEqual({ ok: true, value: "" });
    expect(codeOf((await world.call({ fallback })).outcome)).toBe(Code.NOT_FOUND);
  });
});

describe("the rules of traffic", () => {
  it("delay a call and abort it without an attempt", async () => {
    const world = scriptedWorld(callPolicy({ breaker: breakerPolicy }), { a: [yes] });
    const { outcome, explanation } = await world.call({ fault: { delayMs: 200, abort: Code.ABORTED } });
    expect(codeOf(outcome)).toBe(Code.ABORTED);
    expect(explanation).toMatchObject({ outcome: { by: "fault" }, attempts: [], timeIn: { fault: 200 } });
    const delayed = await world.call({ fault: { delayMs: 200, abort: undefined }, deadline: world.clock.now() + 100 });
    expect(delayed.explanation).toMatchObject({ durationMs: 100, outcome: { by: "deadline" } });
  });

  it("choose a version, and any when that one has no endpoint", async () => {
    const endpoint = { address: "x:1", zone: "", weight: 1, state: "serving" } as const;
    const endpoints = [
      { ...endpoint, id: "a", version: "v1" },
      { ...endpoint, id: "b", version: "v2" },
    ];
    const world = scriptedWorld(callPolicy(), { a: [yes], b: [yes] }, { endpoints });
    const route = { version: "v2", reason: "split v1=90 v2=10" };
    for (let call = 0; call < 3; call++) await world.call({ route });
    expect(world.seen.map((seen) => seen.endpoint)).toEqual(["b", "b", "b"]);
    const { explanation } = await world.call({ route: { ...route, version: "v3" } });
    expect(explanation).toMatchObject({ outcome: { code: Code.OK }, route: { version: "v3" } });
  });
});

describe("streams", () => {
  const stream = { stream: true };

  it("may take as long as the call once they are open, and are told no earlier deadline", async () => {
    const retry = { ...retryPolicy, attemptTimeoutMs: 100, codes: new Set([Code.DEADLINE_EXCEEDED]) };
    const world = scriptedWorld(callPolicy({ retry }), { a: [hangs], b: [{ opensAfterMs: 50, afterMs: 3000 }] });
    const { outcome, explanation } = await world.call(stream);
    expect(outcome).toEqual({ ok: true, value: "b 2" });
    expect(explanation).toMatchObject({
      stream: true,
      durationMs: 3150,
      attempts: [
        { code: Code.DEADLINE_EXCEEDED, openedAfterMs: undefined },
        { openedAfterMs: 50, durationMs: 3050 },
      ],
    });
    expect(new Set(world.seen.map(({ deadline }) => deadline))).toEqual(new Set([11_000]));
    expect(world.underWay()).toEqual(nothingLeft);
  });

  it("are begun anew within the budget only", async () => {
    const budget = { ratio: 0, minPerSecond: 0.1, ttlMs: 10_000 };
    const world = scriptedWorld(callPolicy({ retry: retryPolicy, budget }), { a: [no], b: [no] });
    const stopped = [(await world.call(stream)).explanation.stopped, (await world.call(stream)).explanation.stopped];
    expect(stopped).toEqual(["budget_empty", "budget_empty"]);
    expect(world.seen).toHaveLength(3);
  });

  it("that run out of time speak against nobody", async () => {
    const policy = callPolicy({ deadlineMs: 100, ejection: ejectionPolicy, breaker: breakerPolicy });
    const world = scriptedWorld(policy, { a: [hangs], b: [hangs] });
    for (let call = 0; call < 8; call++)
      expect(codeOf((await world.call(stream)).outcome)).toBe(Code.DEADLINE_EXCEEDED);
    const now = world.clock.now();
    expect(world.guards.shared.breaker?.state(now)).toBe("closed");
    expect(world.guards.shared.ejection?.ejections()).toBe(0);
  });

  it("have shown that a target is well once they are open, however long they last", async () => {
    const policy = callPolicy({ deadlineMs: 60_000, breaker: { ...breakerPolicy, successesToClose: 1 } });
    const world = scriptedWorld(policy, { a: [no, no, no, { opensAfterMs: 10, afterMs: 30_000 }] });
    for (let call = 0; call < 3; call++) await world.call(stream);
    await world.clock.advance(breakerPolicy.openMs);
    const probe = world.begin(stream);
    await world.clock.advance(5_000);
    expect(world.guards.shared.breaker?.state(world.clock.now())).toBe("closed");
    expect((await world.clock.run(probe)).explanation.breaker).toMatchObject({ probe: true, after: "closed" });
  });
});
