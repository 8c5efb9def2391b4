import { Code } from "#gen/google/rpc/code_pb.ts";
import type { Picked } from "#mesh/balance";
import type { BreakerPermit } from "./breaker.ts";
import type { AttemptInfo, CallContext, CallWorld } from "./call.ts";
import type { CallEnd } from "./call-end.ts";
import type { CallRecord } from "./call-record.ts";
import { endpointVerdict, type Testimony } from "./code-class.ts";
import { Ending, type EndSignal } from "./ending.ts";
import type { AttemptKind } from "./explanation.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { untilAborted } from "./until-aborted.ts";

type Times = Pick<Testimony, "givenMs" | "usualMs">;

/** One call on its way through its guards to its attempts. */
export interface RunningCall<T> extends CallContext<T> {
  readonly end: CallEnd;
  readonly record: CallRecord;
  /** Ids of the endpoints to which attempts were made. */
  tried: readonly string[];
  /** By which the breaker judges, in the end, an answer that did not come in time. */
  readonly times: Times;
  /** What the breaker is to be told in the end. */
  permit: BreakerPermit | undefined;
  /** Gives the place in the bulkhead back. */
  release: (() => void) | undefined;
}

/** An attempt that is about to be made. */
export interface NextAttempt {
  readonly number: number;
  readonly kind: AttemptKind;
  readonly picked: Picked;
}

/** How long the attempts of a call may take, and what cuts one short. */
interface Limits {
  /** Aborts when the attempt is to end: the call's signal, or one that follows it. */
  readonly signal: EndSignal;
  readonly timeoutMs: number;
}

/**
 * Chooses an endpoint that the call has not tried. `distinct`: rather none than one that was tried. The version that the
 * route asks for counts as long as it has endpoints: a split must not send calls into the void.
 */
export function pickEndpoint<T>(
  { request, guards, world, tried }: RunningCall<T>,
  distinct: boolean,
): Picked | undefined {
  const now = world.now();
  const ejected = (id: string) => guards.ejection?.isEjected(id, now) === true || world.unreachable(id);
  const version = request.route?.version;
  const wish = { now, tried: tried.length > 0 ? new Set(tried) : NONE, ejected, key: request.key, distinct, version };
  const picked = world.pick(wish);
  return picked || version === undefined || distinct ? picked : world.pick({ ...wish, version: undefined });
}

/**
 * Chooses where a request goes on that no server has looked at (a transparent retry, gRFC A6): anywhere the first time,
 * and to each endpoint not tried yet as long as it has not left. Undefined when it has had that.
 */
export function pickTransparent<T>(call: RunningCall<T>, { progress }: Failure, used: boolean): Picked | undefined {
  if (progress === "unsent") return pickEndpoint(call, used);
  return progress === "not_processed" && !used ? pickEndpoint(call, false) : undefined;
}

/**
 * Makes one attempt, and notes what it says about its endpoint. Ends with the signal even when the transport does not.
 * Never rejects.
 */
export async function makeAttempt<T>(call: RunningCall<T>, next: NextAttempt, limits: Limits): Promise<Outcome<T>> {
  const { world, record, guards, request } = call;
  const { picked, number, kind } = next;
  const { endpoint, panic } = picked;
  call.tried = [...call.tried, endpoint.id];
  const startedAt = world.now();
  // A server that knew of an attempt's limit would end the stream then, however far it is.
  const deadline = request.stream ? request.deadline : Math.min(request.deadline, startedAt + limits.timeoutMs);
  const times = timesOf(call, startedAt, deadline);
  let openedAfterMs: number | undefined;
  const opened = () => {
    const now = world.now();
    openedAfterMs = now - startedAt;
    // A probe has its own deadline, which no stream keeps: it has shown enough once it is open.
    if (call.permit?.probe) call.permit.end("success", now);
  };
  const info = { number, kind, deadline, opened };
  let outcome: Outcome<T> | undefined;
  try {
    outcome = await (Number.isFinite(limits.timeoutMs)
      ? limited(world, endpoint, info, limits)
      : untilAborted(world.attempt(endpoint, info, limits.signal), limits.signal));
  } catch (error) {
    // A transport answers with an outcome; one that throws has a defect, which the call must survive.
    const message = "the transport failed";
    outcome = { ok: false, code: Code.INTERNAL, message, progress: "maybe_processed", error };
  }
  picked.done();
  const now = world.now();
  const durationMs = now - startedAt;
  const ended = outcome ?? call.end.failure ?? lostFailure;
  const code = ended.ok ? Code.OK : ended.code;
  const pushbackMs = ended.ok ? undefined : ended.pushbackMs;
  const lost = ended === lostFailure;
  // A time that was cut short is at least a lower bound; left out, it would make the service look fast when it is slow.
  const telling = ended.ok || code === Code.DEADLINE_EXCEEDED || (lost && kind === "first");
  if (telling && !request.stream) guards.latency.record(durationMs, now);
  const ejected = guards.ejection?.record(endpoint.id, endpointVerdict({ code, pushbackMs, ...times }), now) ?? false;
  const { id, address, version, zone } = endpoint;
  record.addAttempt({
    number,
    kind,
    endpoint: { id, address, version, zone },
    panic,
    startedAfterMs: startedAt - record.startedAt,
    durationMs,
    openedAfterMs,
    code,
    message: ended.ok ? "" : ended.message,
    pushbackMs,
    lost,
    ejected,
  });
  return ended;
}

/**
 * How much time a call or an attempt that begins now has, and what half of the others took. Running out of time says
 * nothing about who answers a stream.
 */
export function timesOf<T>({ request, guards }: CallContext<T>, startedAt: number, deadline: number): Times {
  if (request.stream) return { givenMs: 0, usualMs: Number.POSITIVE_INFINITY };
  return { givenMs: deadline - startedAt, usualMs: guards.latency.quantile(0.5, 20, startedAt) };
}

const lostFailure: Outcome<never> = {
  ok: false,
  code: Code.CANCELLED,
  message: "another attempt was faster",
  progress: "maybe_processed",
};

const NONE: ReadonlySet<string> = new Set();

/** Makes an attempt within a time of its own; undefined when it was ended from outside. */
async function limited<T>(
  world: CallWorld<T>,
  endpoint: Picked["endpoint"],
  info: AttemptInfo,
  { signal, timeoutMs }: Limits,
): Promise<Outcome<T> | undefined> {
  const own = new Ending();
  let timedOut: Outcome<T> | undefined;
  const stopClock = world.after(timeoutMs, () => {
    const message = `the attempt took longer than ${timeoutMs} ms`;
    timedOut = { ok: false, code: Code.DEADLINE_EXCEEDED, message, progress: "maybe_processed" };
    own.abort();
  });
  const opened = () => {
    stopClock();
    info.opened();
  };
  const follow = () => own.abort();
  signal.addEventListener("abort", follow);
  try {
    const outcome = await untilAborted(world.attempt(endpoint, { ...info, opened }, own), own);
    return outcome || signal.aborted ? outcome : timedOut;
  } finally {
    stopClock();
    signal.removeEventListener("abort", follow);
  }
}
