import { expect, test } from "vitest";
import type { CallExplanation } from "#mesh/resilience";
import { createLogger } from "#mesh/telemetry";
import { virtualClock } from "#mesh/testing";
import { createCallLog } from "./index.ts";

/** A call that a breaker has refused. */
function refused(target: string): CallExplanation {
  const nothing = { route: undefined, stopped: undefined, bulkhead: undefined, budgetLeft: undefined };
  return {
    ...{ ...nothing, hedgeDelayMs: undefined, fallbackAgeMs: undefined, deadlineMs: undefined },
    ...{ method: `${target}.v1.Service/Do`, target, startedAt: 0, durationMs: 0, stream: false, attempts: [] },
    outcome: { code: 14, message: "open", by: "breaker" },
    breaker: { before: "open", after: "open", probe: false },
    timeIn: { fault: 0, queue: 0, attempts: 0, backoff: 0 },
  };
}

test("of a target ten lines are written at once, then one a second, which says how many were left out", async () => {
  const lines: { call: CallExplanation; omitted?: number }[] = [];
  const log = createLogger({ name: "test", destination: { write: (line) => lines.push(JSON.parse(line)) } });
  const clock = virtualClock();
  const logCall = createCallLog(log, clock.now);
  for (let call = 0; call < 25; call++) logCall(refused("shop.catalog"), "request");
  expect(lines.length).toBe(10);
  logCall(refused("shop.order"), "request");
  expect(lines.at(-1)?.call.target).toBe("shop.order");
  await clock.advance(999);
  logCall(refused("shop.catalog"), "request");
  expect(lines.length).toBe(11);
  await clock.advance(1);
  for (let call = 0; call < 5; call++) logCall(refused("shop.catalog"), "request");
  expect(lines.length).toBe(12);
  expect(lines.at(-1)).toMatchObject({ level: "warn", omitted: 16 });
  await clock.advance(3_600_000);
  for (let call = 0; call < 25; call++) logCall(refused("shop.catalog"), "request");
  expect(lines.slice(12).map(({ omitted }) => omitted)).toEqual([4, ...Array(9).fill(undefined)]);
});
