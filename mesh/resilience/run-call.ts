import { Code } from "#gen/google/rpc/code_pb.ts";
import type { CallPolicy } from "#mesh/contract";
import { type RunningCall, timesOf } from "./attempts.ts";
import type { Bulkhead, BulkheadTicket } from "./bulkhead.ts";
import type { CallContext, CallFault, CallGuards, CallRequest, CallWorld } from "./call.ts";
import { CallEnd } from "./call-end.ts";
import { CallRecord } from "./call-record.ts";
import { allowsFallback, targetVerdict } from "./code-class.ts";
import { Ending } from "./ending.ts";
import type { CallExplanation, DecidedBy } from "./explanation.ts";
import { runHedged } from "./hedged-call.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { runRetried } from "./retried-call.ts";
import { untilAborted } from "./until-aborted.ts";

/** How a call ended, and why. */
export interface CallResult<T> {
  readonly outcome: Outcome<T>;
  readonly explanation: CallExplanation;
}

/** An outcome and who gave it. */
interface Decided<T> {
  readonly outcome: Outcome<T>;
  readonly by: DecidedBy;
}

/**
 * Makes a call: injected faults, breaker, bulkhead, attempts at endpoints within the policy, fallback. Never
 * rejects; ends at the deadline and with the caller's signal at the latest, whatever the transport does; leaves no timer,
 * no listener and no place taken behind. A stream is one attempt to its end, and is tried again only before its answer
 * has begun.
 */
export async function runCall<T>(
  policy: CallPolicy,
  request: CallRequest<T>,
  guards: CallGuards<T>,
  world: CallWorld<T>,
): Promise<CallResult<T>> {
  const context: CallContext<T> = { policy, request, guards, world };
  const record = new CallRecord(context);
  const end = new CallEnd(request, world);
  const times = timesOf(context, record.startedAt, request.deadline);
  const none = { permit: undefined, release: undefined };
  const call: RunningCall<T> = { ...context, end, record, times, tried: [], ...none };
  try {
    const decided = await decide(call);
    endPermit(call, decided);
    const { outcome, by } = withFallback(call, decided);
    return { outcome, explanation: record.explain(outcome, by) };
  } finally {
    call.release?.();
    end.close();
  }
}

/** Whatever has an outcome first decides: a fault, the breaker, the bulkhead, in the end the attempts. */
async function decide<T>(call: RunningCall<T>): Promise<Decided<T>> {
  const { policy, request, guards, world, end } = call;
  const early = (request.fault && (await injectFault(call, request.fault))) ?? endedBy(call) ?? passBreaker(call);
  if (early) return early;
  const refused = guards.bulkhead && passBulkhead(call, guards.bulkhead);
  const late = refused instanceof Promise ? await refused : refused;
  if (late) return late;
  guards.budget?.deposit(world.now());
  const outcome = policy.hedge ? await runHedged(call, policy.hedge) : await runRetried(call);
  if (!outcome.ok && outcome === end.failure) return { outcome, by: end.failure.by };
  return { outcome, by: outcome.ok || call.tried.length > 0 ? "endpoint" : "no_endpoint" };
}

/** Delays or aborts the call as the rules of traffic say; undefined when it goes on. */
async function injectFault<T>(
  { record, world, end }: RunningCall<T>,
  fault: CallFault,
): Promise<Decided<T> | undefined> {
  record.enter("fault");
  if (fault.delayMs > 0) await world.sleep(fault.delayMs, end);
  record.enter("queue");
  if (fault.abort === undefined || end.failure) return undefined;
  return failed("fault", fault.abort, "a fault was injected");
}

/** Takes the breaker's permit, or returns how it refuses the call. */
function passBreaker<T>(call: RunningCall<T>): Decided<T> | undefined {
  const { guards, world, request, record } = call;
  const answer = guards.breaker?.tryEnter(world.now());
  if (!answer) return undefined;
  if (!answer.allowed) {
    const waitMs = Math.ceil(answer.retryAfterMs);
    return failed("breaker", Code.UNAVAILABLE, `the breaker of ${request.target} is open for another ${waitMs} ms`);
  }
  call.permit = answer.permit;
  record.probe = answer.permit.probe;
  return undefined;
}

/** Tells the breaker what became of a call: only what the target itself has done counts. */
function endPermit<T>({ permit, times, world }: RunningCall<T>, { outcome, by }: Decided<T>): void {
  const fromTarget = by === "endpoint" || by === "deadline";
  const pushbackMs = outcome.ok ? undefined : outcome.pushbackMs;
  const code = outcome.ok ? Code.OK : outcome.code;
  permit?.end(fromTarget ? targetVerdict({ code, pushbackMs, ...times }) : "nothing", world.now());
}

/** Takes a place in the bulkhead, now or once there is one, or returns how the call ends without. */
function passBulkhead<T>(
  call: RunningCall<T>,
  bulkhead: Bulkhead,
): Decided<T> | undefined | Promise<Decided<T> | undefined> {
  const { request, record } = call;
  record.bulkhead = bulkhead.snapshot();
  const answer = bulkhead.enter();
  if (answer.kind === "queued") return waitForPlace(call, answer.ticket);
  if (answer.kind === "full") return failed("bulkhead", Code.RESOURCE_EXHAUSTED, `too many calls of ${request.target}`);
  call.release = answer.release;
  return undefined;
}

async function waitForPlace<T>(call: RunningCall<T>, ticket: BulkheadTicket): Promise<Decided<T> | undefined> {
  const { policy, world, end, request } = call;
  const timer = new Ending();
  const waitMs = policy.bulkhead?.maxWaitMs ?? Number.POSITIVE_INFINITY;
  const waits: Promise<(() => void) | undefined>[] = [ticket.entered];
  if (Number.isFinite(waitMs)) waits.push(world.sleep(waitMs, timer).then(() => undefined));
  call.release = await untilAborted(Promise.race(waits), end);
  timer.abort();
  const ended = endedBy(call);
  if (call.release && !ended) return undefined;
  // A place that was given in the very moment of giving up goes to the next one.
  if (!call.release && !ticket.leave()) call.release = await ticket.entered;
  const message = `no place among the calls of ${request.target} within ${waitMs} ms`;
  return ended ?? failed("bulkhead", Code.RESOURCE_EXHAUSTED, message);
}

function endedBy<T>({ end }: RunningCall<T>): Decided<T> | undefined {
  const { failure } = end;
  return failure && { outcome: failure, by: failure.by };
}

function failed<T>(by: DecidedBy, code: Code, message: string): Decided<T> {
  const failure: Failure = { ok: false, code, message, progress: "not_processed" };
  return { outcome: failure, by };
}

/** Answers instead of the target where the policy says so, and remembers what the target answered. */
function withFallback<T>({ policy, request, guards, world, record }: RunningCall<T>, decided: Decided<T>): Decided<T> {
  const { outcome } = decided;
  const { fallback: wish } = request;
  if (!policy.fallback || !wish) return decided;
  const { fallback } = policy;
  const now = world.now();
  if (outcome.ok) {
    if (fallback.answer === "cached") guards.answers?.put(wish.key, outcome.value, now);
    return decided;
  }
  if (!allowsFallback(outcome.code)) return decided;
  if (fallback.answer === "empty") return { outcome: { ok: true, value: wish.empty() }, by: "fallback" };
  const last = guards.answers?.get(wish.key, fallback.maxAgeMs, now);
  if (!last) return decided;
  record.fallbackAgeMs = last.ageMs;
  return { outcome: { ok: true, value: last.answer }, by: "fallback" };
}
