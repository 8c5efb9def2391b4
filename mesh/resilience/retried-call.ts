import { Code } from "#gen/google/rpc/code_pb.ts";
import type { Picked } from "#mesh/balance";
import { makeAttempt, pickEndpoint, pickTransparent, type RunningCall } from "./attempts.ts";
import type { AttemptKind } from "./explanation.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { decideRetry } from "./retry.ts";

/** What a call without any endpoint ends with. */
export function noEndpoint(target: string): Failure {
  const message = `no endpoint of ${target} is known`;
  return { ok: false, code: Code.UNAVAILABLE, message, progress: "not_processed" };
}

/** Makes one attempt after the other until one succeeds or the policy says enough. */
export async function runRetried<T>(call: RunningCall<T>): Promise<Outcome<T>> {
  const { policy, record, world, guards, request, end } = call;
  const timeoutMs = policy.retry?.attemptTimeoutMs ?? Number.POSITIVE_INFINITY;
  let kind: AttemptKind = "first";
  let attempts = 0;
  let transparentUsed = false;
  let chosen: Picked | undefined;
  for (let number = 1; ; number++) {
    const picked = chosen ?? pickEndpoint(call, false);
    if (!picked) {
      record.stopped = "no_endpoint";
      return noEndpoint(request.target);
    }
    record.enter("attempts");
    const outcome = await makeAttempt(call, { number, kind, picked }, { signal: end, timeoutMs });
    record.enter("backoff");
    if (outcome.ok) record.stopped = "answered";
    if (outcome.ok || ended(call)) return outcome;
    if (kind !== "transparent") attempts += 1;
    const now = world.now();
    chosen = pickTransparent(call, outcome, transparentUsed);
    const decision = decideRetry({
      policy: policy.retry,
      failure: outcome,
      attempts,
      transparentUsed: chosen === undefined,
      remainingMs: request.deadline - now,
      now,
      random: world.random,
      budget: guards.budget,
    });
    if (!decision.again) {
      chosen?.done();
      record.stopped = decision.reason;
      return outcome;
    }
    kind = decision.transparent ? "transparent" : "retry";
    transparentUsed ||= decision.transparent;
    if (decision.delayMs > 0) await world.sleep(decision.delayMs, end);
    const failure = ended(call);
    if (failure) return failure;
  }
}

function ended<T>({ end, record }: RunningCall<T>): Failure | undefined {
  if (end.failure) record.stopped = "ended";
  return end.failure;
}
