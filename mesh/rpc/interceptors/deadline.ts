import { Code, ConnectError } from "@connectrpc/connect";
import type { ServerCall } from "../server-call.ts";
import type { Step } from "../step.ts";

/** Aborts a call at the caller's deadline or at the policy's, whichever is earlier. */
export function limitTime(next: Step): Step {
  return (call) => {
    startTimer(call);
    return next(call);
  };
}

/** grpc-js watches the caller's deadline itself: only an earlier one of the policy needs a timer. */
function startTimer(call: ServerCall): void {
  call.deadline = call.callersDeadline;
  const limitMs = call.served.policy?.deadlineMs;
  if (limitMs === undefined) return;
  const policyDeadline = Date.now() + limitMs;
  if (call.deadline <= policyDeadline) return;
  call.deadline = policyDeadline;
  call.timer = setTimeout(exceed, limitMs, call, limitMs);
}

function exceed(call: ServerCall, limitMs: number): void {
  call.abort(new ConnectError(`the call took longer than the ${limitMs} ms that it may`, Code.DeadlineExceeded));
}
