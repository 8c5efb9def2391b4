import { Code } from "#gen/google/rpc/code_pb.ts";
import type { CallContext } from "./call.ts";
import type { AttemptExplanation, CallExplanation, DecidedBy, TimeSpent } from "./explanation.ts";
import type { Outcome } from "./outcome.ts";
import type { StopReason } from "./retry.ts";

/** What is noted while a call runs. */
export interface CallRecord {
  readonly startedAt: number;
  /** From now on, time counts for this. */
  enter(phase: keyof TimeSpent): void;
  addAttempt(attempt: AttemptExplanation): void;
  /** Why there is no further attempt; the last reason counts. */
  stop(reason: StopReason): void;
  hedgeDelay(ms: number | undefined): void;
  probe(): void;
  /** How full the bulkhead is that the call has come to. */
  bulkhead(fill: NonNullable<CallExplanation["bulkhead"]>): void;
  fallbackAge(ms: number): void;
  explain(outcome: Outcome<unknown>, by: DecidedBy): CallExplanation;
}

/** Begins the record of a call. */
export function createCallRecord<T>({ request, guards, world }: CallContext<T>): CallRecord {
  const startedAt = world.now();
  const before = guards.breaker?.state(startedAt);
  let bulkhead: CallExplanation["bulkhead"];
  const timeIn = { fault: 0, queue: 0, attempts: 0, backoff: 0 };
  const attempts: AttemptExplanation[] = [];
  let phase: keyof TimeSpent = "queue";
  let phaseStartedAt = startedAt;
  let stopped: StopReason | undefined;
  let hedgeDelayMs: number | undefined;
  let fallbackAgeMs: number | undefined;
  let probe = false;

  function enter(next: keyof TimeSpent): void {
    const now = world.now();
    timeIn[phase] += now - phaseStartedAt;
    phase = next;
    phaseStartedAt = now;
  }

  return {
    startedAt,
    enter,
    addAttempt: (attempt) => attempts.push(attempt),
    stop(reason) {
      stopped = reason;
    },
    hedgeDelay(ms) {
      hedgeDelayMs = ms;
    },
    probe() {
      probe = true;
    },
    bulkhead(fill) {
      bulkhead = fill;
    },
    fallbackAge(ms) {
      fallbackAgeMs = ms;
    },
    explain(outcome, by) {
      const now = world.now();
      enter(phase);
      const after = guards.breaker?.state(now);
      return {
        method: request.method,
        target: request.target,
        startedAt,
        durationMs: now - startedAt,
        deadlineMs: Number.isFinite(request.deadline) ? request.deadline - startedAt : undefined,
        stream: request.stream ?? false,
        outcome: outcome.ok ? { code: Code.OK, message: "", by } : { code: outcome.code, message: outcome.message, by },
        route: request.route,
        attempts: attempts.sort((a, b) => a.number - b.number),
        stopped,
        breaker: before && after && { before, after, probe },
        bulkhead,
        budgetLeft: guards.budget?.left(now),
        hedgeDelayMs,
        fallbackAgeMs,
        timeIn: { ...timeIn },
      };
    },
  };
}
