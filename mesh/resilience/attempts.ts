import { Code } from "#gen/google/rpc/code_pb.ts";
import type { Picked } from "#mesh/balance";
import type { AttemptInfo, CallContext } from "./call.ts";
import type { CallEnd } from "./call-end.ts";
import type { CallRecord } from "./call-record.ts";
import { endpointVerdict, type Testimony } from "./code-class.ts";
import { Ending, type EndSignal } from "./ending.ts";
import type { AttemptKind } from "./explanation.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { untilAborted } from "./until-aborted.ts";

/** One call while its attempts are made. */
export interface RunningCall<T> extends CallContext<T> {
  readonly end: CallEnd;
  readonly record: CallRecord;
  readonly tried: Set<string>;
  /** Told when the answer of a stream begins. */
  readonly onOpened?: () => void;
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
  const ejected = (id: string) => guards.ejection?.isEjected(id, now) ?? false;
  const wish = { now, tried, ejected, key: request.key, distinct };
  const version = request.route?.version;
  const picked = world.pick({ ...wish, version });
  return picked || version === undefined || distinct ? picked : world.pick(wish);
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
  const { world, record, guards, request, tried } = call;
  const { picked, number, kind } = next;
  const { endpoint, panic } = picked;
  tried.add(endpoint.id);
  const startedAt = world.now();
  // A server that knew of an attempt's limit would end the stream then, however far it is.
  const deadline = request.stream ? request.deadline : Math.min(request.deadline, startedAt + limits.timeoutMs);
  const times = timesOf(call, startedAt, deadline);
  let openedAfterMs: number | undefined;
  const opened = () => {
    openedAfterMs = world.now() - startedAt;
    call.onOpened?.();
  };
  const outcome = await limited(call, next, { ...limits, deadline, opened });
  picked.done();
  const now = world.now();
  const durationMs = now - startedAt;
  const ended = outcome ?? call.end.failure() ?? lostFailure;
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
export function timesOf<T>(
  { request, guards }: CallContext<T>,
  startedAt: number,
  deadline: number,
): Pick<Testimony, "givenMs" | "usualMs"> {
  if (request.stream) return { givenMs: 0, usualMs: Number.POSITIVE_INFINITY };
  return { givenMs: deadline - startedAt, usualMs: guards.latency.quantile(0.5, 20, startedAt) };
}

const lostFailure: Outcome<never> = {
  ok: false,
  code: Code.CANCELLED,
  message: "another attempt was faster",
  progress: "maybe_processed",
};

/** Makes an attempt within its time; undefined when it was ended from outside. */
async function limited<T>(
  { world }: RunningCall<T>,
  { picked, number, kind }: NextAttempt,
  { signal, timeoutMs, deadline, opened }: Limits & Pick<AttemptInfo, "deadline" | "opened">,
): Promise<Outcome<T> | undefined> {
  const attempt = async (ownSignal: EndSignal, begun: () => void): Promise<Outcome<T>> => {
    try {
      return await world.attempt(picked.endpoint, { number, kind, deadline, opened: begun }, ownSignal);
    } catch (error) {
      // A transport answers with an outcome; one that throws has a defect, which the call must survive.
      return { ok: false, code: Code.INTERNAL, message: "the transport failed", progress: "maybe_processed", error };
    }
  };
  if (!Number.isFinite(timeoutMs)) return untilAborted(attempt(signal, opened), signal);

  const own = new Ending();
  const timer = new Ending();
  const begun = () => {
    timer.abort();
    opened();
  };
  const follow = () => own.abort();
  signal.addEventListener("abort", follow);
  const timedOut = world.sleep(timeoutMs, timer).then((): Outcome<T> | undefined => {
    if (timer.aborted) return undefined;
    own.abort();
    const message = `the attempt took longer than ${timeoutMs} ms`;
    return { ok: false, code: Code.DEADLINE_EXCEEDED, message, progress: "maybe_processed" };
  });
  try {
    const outcome = await untilAborted(attempt(own, begun), own);
    if (outcome || signal.aborted) return outcome;
    return await timedOut;
  } finally {
    timer.abort();
    signal.removeEventListener("abort", follow);
  }
}
