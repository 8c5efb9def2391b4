import { type Cause, currentCause, runCausedBy } from "#mesh/events";
import { currentScope, runInScope, type Scope } from "#mesh/scope";
import { childTrace, formatTraceparent, newTrace, parseTraceparent } from "#mesh/telemetry";

/** Where work comes from that was stored to be done later. */
export interface Origin {
  readonly key: string;
  readonly traceparent: string | null;
  readonly cause: Cause | null;
}

/** How long work may take. */
export interface Limits {
  readonly signal: AbortSignal;
  readonly deadline?: number;
}

/** Where the work in hand comes from, to be stored with what it will cause later. */
export function currentOrigin(): Omit<Origin, "key"> {
  const trace = currentScope()?.trace;
  const cause = currentCause();
  return {
    traceparent: trace ? formatTraceparent(trace) : null,
    // Of a delivery its ids alone are the cause.
    cause: cause ? { eventId: cause.eventId, correlationId: cause.correlationId } : null,
  };
}

/** Runs work that was caused earlier, in the trace of its cause. No end user stands behind it. */
export function runLater<T>({ key, traceparent, cause }: Origin, limits: Limits, work: () => T): T {
  const parent = parseTraceparent(traceparent);
  const scope: Scope = {
    signal: limits.signal,
    deadline: limits.deadline,
    trace: parent ? childTrace(parent) : newTrace(),
    authorization: undefined,
    requestId: cause?.correlationId ?? key,
  };
  return runInScope(scope, () => (cause ? runCausedBy(cause, work) : work()));
}

/** Reads a cause from a row. */
export function readCause(value: unknown): Cause | null {
  if (typeof value !== "object" || value === null) return null;
  const { eventId, correlationId } = value as Partial<Record<keyof Cause, unknown>>;
  return typeof eventId === "string" && typeof correlationId === "string" ? { eventId, correlationId } : null;
}
