import { currentScope, type Scope } from "#mesh/scope";
import { childTrace, formatTraceparent, newTrace, parseTraceparent } from "#mesh/telemetry";

/** The traceparent of the work in hand, to be stored with what it will cause later; null outside a scope. */
export function currentTraceparent(): string | null {
  const trace = currentScope()?.trace;
  return trace ? formatTraceparent(trace) : null;
}

/** The scope of work that was caused earlier: it goes on in the trace of its cause. No end user stands behind it. */
export function laterScope(cause: {
  readonly traceparent: string | null;
  readonly requestId: string;
  readonly signal: AbortSignal;
  readonly deadline?: number;
}): Scope {
  const parent = parseTraceparent(cause.traceparent);
  return {
    signal: cause.signal,
    deadline: cause.deadline,
    trace: parent ? childTrace(parent) : newTrace(),
    authorization: undefined,
    requestId: cause.requestId,
  };
}
