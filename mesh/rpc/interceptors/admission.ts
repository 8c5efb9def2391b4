import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { AdmissionPolicy } from "#mesh/contract";
import { createLatencyTracker, decideAdmission, type LatencyTracker } from "#mesh/resilience";
import type { EventLoopLag } from "../event-loop-lag.ts";
import { Overload } from "../overload.ts";
import type { ServerCall } from "../server-call.ts";
import type { Interceptor, Step } from "../step.ts";

/** How long what calls usually take is taken for unchanged, in milliseconds: finding it costs more than all the rest. */
const QUANTILE_AGE_MS = 100;
/** Longest pause before the next attempt of a call that was refused, in milliseconds. */
const MAX_PUSHBACK_MS = 100;
/** Longest time after which others are asked to come back, in milliseconds: how late a loop was is not how late it will be. */
const MAX_RETRY_AFTER_MS = 1_000;

/**
 * Refuses at once what could not be ready in time: DEADLINE_EXCEEDED for a call that has less time left than such calls
 * take, UNAVAILABLE for all calls while the event loop is late. It stands before authentication, since an overloaded
 * server must not verify the signatures of calls that it will not answer; what a stranger learns is what his own clock
 * tells him. How long a stream takes is its callers' affair, so it is refused for overload only.
 */
export function admit(
  { policy, method }: { readonly policy: AdmissionPolicy; readonly method: DescMethod },
  { lagMs }: Pick<EventLoopLag, "lagMs">,
): Interceptor {
  const latency = lookUpSeldom(createLatencyTracker());
  const { random } = Math;
  const admitted = method.methodKind === "unary" ? (next: Step) => measured(next, latency) : (next: Step) => next;
  return (next) => {
    const go = admitted(next);
    return (call) => {
      const now = Date.now();
      const remainingMs = call.deadline - now;
      const eventLoopLagMs = lagMs();
      const decision = decideAdmission({ policy, remainingMs, latency, eventLoopLagMs, now, random });
      if (decision.admitted) return go(call);
      if (decision.reason === "no_time")
        return Promise.reject(new ConnectError(decision.message, Code.DeadlineExceeded));
      return Promise.reject(overload(decision.message, eventLoopLagMs));
    };
  };
}

/**
 * The pushback is short, since the next attempt is to go to another endpoint, and drawn by chance, since it replaces the
 * callers' own jitter: all that were refused together must not come back together.
 */
function overload(message: string, lagMs: number): Overload {
  const pushbackMs = Math.ceil(Math.random() * MAX_PUSHBACK_MS);
  return new Overload(message, { pushbackMs, retryAfterMs: Math.min(Math.ceil(lagMs), MAX_RETRY_AFTER_MS) });
}

/**
 * Notes how long calls take. Those that ran out of time count too: without them a server that has become too slow would
 * go on from what it remembers of better days.
 */
function measured(next: Step, latency: LatencyTracker): Step {
  const note = ({ startedAt }: ServerCall) => latency.record(performance.now() - startedAt, Date.now());
  return async (call) => {
    try {
      await next(call);
      note(call);
    } catch (error) {
      if (error instanceof ConnectError && error.code === Code.DeadlineExceeded) note(call);
      throw error;
    }
  };
}

/** For one part and number of samples, those of the policy. */
function lookUpSeldom({ record, quantile }: LatencyTracker): LatencyTracker {
  let known: number | undefined;
  let foundAt = Number.NEGATIVE_INFINITY;
  return {
    record,
    quantile(part, minSamples, now) {
      if (Math.abs(now - foundAt) >= QUANTILE_AGE_MS) {
        known = quantile(part, minSamples, now);
        foundAt = now;
      }
      return known;
    },
  };
}
