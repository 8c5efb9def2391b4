import { Code } from "#gen/google/rpc/code_pb.ts";
import type { BreakerState } from "./breaker.ts";
import type { CallContext } from "./call.ts";
import type { AttemptExplanation, CallExplanation, DecidedBy, TimeSpent } from "./explanation.ts";
import type { Outcome } from "./outcome.ts";
import type { StopReason } from "./retry.ts";

/** What is noted while a call runs, to explain it once in the end. */
export class CallRecord {
  readonly startedAt: number;
  /** How full the bulkhead is that the call has come to. */
  bulkhead: CallExplanation["bulkhead"];
  hedgeDelayMs: number | undefined;
  fallbackAgeMs: number | undefined;
  /** Whether the call is a probe of the breaker. */
  probe = false;
  /** Why there is no further attempt. */
  stopped: StopReason | undefined;
  #attempts: readonly AttemptExplanation[] = [];
  readonly #context: CallContext<unknown>;
  readonly #breakerBefore: BreakerState | undefined;
  readonly #timeIn = { fault: 0, queue: 0, attempts: 0, backoff: 0 };
  #phase: keyof TimeSpent = "queue";
  #phaseStartedAt: number;

  /** Begins the record of a call. */
  constructor(context: CallContext<unknown>) {
    this.#context = context;
    this.startedAt = context.world.now();
    this.#phaseStartedAt = this.startedAt;
    this.#breakerBefore = context.guards.breaker?.state(this.startedAt);
  }

  /** From now on, time counts for this. */
  enter(next: keyof TimeSpent): void {
    const now = this.#context.world.now();
    this.#timeIn[this.#phase] += now - this.#phaseStartedAt;
    this.#phase = next;
    this.#phaseStartedAt = now;
  }

  /** An attempt has ended. */
  addAttempt(attempt: AttemptExplanation): void {
    this.#attempts = [...this.#attempts, attempt];
  }

  explain(outcome: Outcome<unknown>, by: DecidedBy): CallExplanation {
    const { request, guards, world } = this.#context;
    const { startedAt, probe } = this;
    const now = world.now();
    this.enter(this.#phase);
    const [before, after] = [this.#breakerBefore, guards.breaker?.state(now)];
    return {
      method: request.method,
      target: request.target,
      startedAt,
      durationMs: now - startedAt,
      deadlineMs: Number.isFinite(request.deadline) ? request.deadline - startedAt : undefined,
      stream: request.stream ?? false,
      outcome: outcome.ok ? { code: Code.OK, message: "", by } : { code: outcome.code, message: outcome.message, by },
      route: request.route,
      attempts: this.#attempts.toSorted((a, b) => a.number - b.number),
      stopped: this.stopped,
      breaker: before && after && { before, after, probe },
      bulkhead: this.bulkhead,
      budgetLeft: guards.budget?.left(now),
      hedgeDelayMs: this.hedgeDelayMs,
      fallbackAgeMs: this.fallbackAgeMs,
      timeIn: this.#timeIn,
    };
  }
}
