import { Code } from "#gen/google/rpc/code_pb.ts";
import type { CallPolicy } from "#mesh/contract";
import { type RunningCall, timesOf } from "./attempts.ts";
import type { BreakerPermit } from "./breaker.ts";
import type { Bulkhead } from "./bulkhead.ts";
import type { CallContext, CallFault, CallGuards, CallRequest, CallWorld } from "./call.ts";
import { watchCallEnd } from "./call-end.ts";
import { createCallRecord } from "./call-record.ts";
import { allowsFallback, type Testimony, targetVerdict } from "./code-class.ts";
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
  const record = createCallRecord(context);
  const end = watchCallEnd(request, world);
  try {
    const decided = await decide({ ...context, end, record, tried: new Set() });
    const { outcome, by } = withFallback(context, decided, record.fallbackAge);
    return { outcome, explanation: record.explain(outcome, by) };
  } finally {
    end.close();
  }
}

async function decide<T>(call: RunningCall<T>): Promise<Decided<T>> {
  const faulted = call.request.fault && (await injectFault(call, call.request.fault));
  return faulted ?? endedBy(call) ?? passBreaker(call);
}

/** Delays or aborts the call as the rules of traffic say; undefined when it goes on. */
async function injectFault<T>(
  { record, world, end }: RunningCall<T>,
  fault: CallFault,
): Promise<Decided<T> | undefined> {
  record.enter("fault");
  if (fault.delayMs > 0) await world.sleep(fault.delayMs, end.signal);
  record.enter("queue");
  if (fault.abort === undefined || end.failure()) return undefined;
  return failed("fault", fault.abort, "a fault was injected");
}

async function passBreaker<T>(call: RunningCall<T>): Promise<Decided<T>> {
  const { guards, world, request, record } = call;
  const answer = guards.breaker?.tryEnter(world.now());
  if (!answer) return passBulkhead(call);
  if (!answer.allowed) {
    const waitMs = Math.ceil(answer.retryAfterMs);
    return failed("breaker", Code.UNAVAILABLE, `the breaker of ${request.target} is open for another ${waitMs} ms`);
  }
  const { permit } = answer;
  const times = timesOf(call, record.startedAt, request.deadline);
  if (permit.probe) record.probe();
  // A probe has its own deadline, which no stream keeps: it has shown enough once it is open.
  const onOpened = () => permit.end("success", world.now());
  const decided = await passBulkhead(permit.probe ? { ...call, onOpened } : call);
  endPermit(call, permit, decided, times);
  return decided;
}

/** Tells the breaker what became of a call: only what the target itself has done counts. */
function endPermit<T>(
  { world }: RunningCall<T>,
  permit: BreakerPermit,
  { outcome, by }: Decided<T>,
  times: Pick<Testimony, "givenMs" | "usualMs">,
): void {
  const now = world.now();
  const fromTarget = by === "endpoint" || by === "deadline";
  const pushbackMs = outcome.ok ? undefined : outcome.pushbackMs;
  const code = outcome.ok ? Code.OK : outcome.code;
  permit.end(fromTarget ? targetVerdict({ code, pushbackMs, ...times }) : "nothing", now);
}

async function passBulkhead<T>(call: RunningCall<T>): Promise<Decided<T>> {
  const entered = call.guards.bulkhead && (await enterBulkhead(call, call.guards.bulkhead));
  if (!entered) return attempt(call);
  if ("by" in entered) return entered;
  try {
    return await attempt(call);
  } finally {
    entered.release();
  }
}

/** Returns what gives the place back, or how the call ended without one. */
async function enterBulkhead<T>(
  call: RunningCall<T>,
  bulkhead: Bulkhead,
): Promise<{ release: () => void } | Decided<T>> {
  const { policy, world, end, request, record } = call;
  record.bulkhead(bulkhead.snapshot());
  const answer = bulkhead.enter();
  if (answer.kind === "entered") return answer;
  if (answer.kind === "full") return failed("bulkhead", Code.RESOURCE_EXHAUSTED, `too many calls of ${request.target}`);
  const timer = new Ending();
  const waitMs = policy.bulkhead?.maxWaitMs ?? Number.POSITIVE_INFINITY;
  const waits: Promise<(() => void) | undefined>[] = [answer.ticket.entered];
  if (Number.isFinite(waitMs)) waits.push(world.sleep(waitMs, timer).then(() => undefined));
  const release = await untilAborted(Promise.race(waits), end.signal);
  timer.abort();
  const ended = endedBy(call);
  if (release && !ended) return { release };
  // A place that was given in the very moment of giving up goes to the next one.
  if (release) release();
  else if (!answer.ticket.leave()) (await answer.ticket.entered)();
  const message = `no place among the calls of ${request.target} within ${waitMs} ms`;
  return ended ?? failed("bulkhead", Code.RESOURCE_EXHAUSTED, message);
}

async function attempt<T>(call: RunningCall<T>): Promise<Decided<T>> {
  const { policy, guards, world } = call;
  guards.budget?.deposit(world.now());
  const outcome = policy.hedge ? await runHedged(call, policy.hedge) : await runRetried(call);
  if (outcome.ok) return { outcome, by: "endpoint" };
  if (outcome === call.end.failure()) return endedBy(call) ?? { outcome, by: "endpoint" };
  return { outcome, by: call.tried.size === 0 ? "no_endpoint" : "endpoint" };
}

function endedBy<T>({ end }: RunningCall<T>): Decided<T> | undefined {
  const failure = end.failure();
  return failure && { outcome: failure, by: failure.by };
}

function failed<T>(by: DecidedBy, code: Code, message: string): Decided<T> {
  const failure: Failure = { ok: false, code, message, progress: "not_processed" };
  return { outcome: failure, by };
}

/** Answers instead of the target where the policy says so, and remembers what the target answered. */
function withFallback<T>(
  { policy, request, guards, world }: CallContext<T>,
  decided: Decided<T>,
  noteAge: (ms: number) => void,
): Decided<T> {
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
  noteAge(last.ageMs);
  return { outcome: { ok: true, value: last.answer }, by: "fallback" };
}
