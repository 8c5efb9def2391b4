import { runInScope } from "#mesh/scope";
import { childTrace, newTrace, parseTraceparent, randomHex } from "#mesh/telemetry";
import { textOf } from "../metadata.ts";
import type { Step } from "../step.ts";

const SANE_REQUEST_ID = /^[\w.:/+=-]{1,128}$/;

/**
 * Continues the trace of the "traceparent" header or starts one, takes over "x-request-id" or makes one, and runs the
 * rest in the scope of the call, from which outgoing calls and events take them.
 */
export function traceCalls(next: Step): Step {
  return (call) => {
    const parent = parseTraceparent(textOf(call.metadata, "traceparent"));
    call.trace = parent ? childTrace(parent) : newTrace();
    const requestId = textOf(call.metadata, "x-request-id");
    call.requestId = requestId && SANE_REQUEST_ID.test(requestId) ? requestId : randomHex(16);
    return runInScope(call, () => next(call));
  };
}
