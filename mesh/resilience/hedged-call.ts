import { Code } from "#gen/google/rpc/code_pb.ts";
import type { Picked } from "#mesh/balance";
import type { HedgePolicy } from "#mesh/contract";
import { makeAttempt, pickEndpoint, pickTransparent, type RunningCall } from "./attempts.ts";
import { Ending } from "./ending.ts";
import type { AttemptKind } from "./explanation.ts";
import { hedgeDelayMs } from "./hedge.ts";
import type { Failure, Outcome } from "./outcome.ts";
import { noEndpoint } from "./retried-call.ts";
import type { StopReason } from "./retry.ts";
import { untilAborted } from "./until-aborted.ts";

interface Running<T> {
  readonly controller: Ending;
  readonly settled: Promise<{ readonly attempt: Running<T>; readonly outcome: Outcome<T> }>;
}

/** One call with a hedging policy, between two events. */
interface Race<T> {
  readonly call: RunningCall<T>;
  readonly policy: HedgePolicy;
  readonly running: Set<Running<T>>;
  /** Attempts begun, for their numbers; and those of them that count. */
  begun: number;
  counted: number;
  transparentUsed: boolean;
  /** When the next attempt starts; Infinity for not before something fails. */
  nextAt: number;
  /** Whether another attempt may start at all. */
  open: boolean;
}

/**
 * Makes a further attempt at another endpoint whenever the last takes longer than usual, or at once when it fails in a
 * passing way; the first answer counts and the others are cancelled (hedging, gRFC A6). A hedge has its place in the
 * budget before it starts, and never waits for one.
 */
export async function runHedged<T>(call: RunningCall<T>, policy: HedgePolicy): Promise<Outcome<T>> {
  const { record, world, guards, request } = call;
  const delayMs = hedgeDelayMs(policy, guards.latency, world.now());
  record.hedgeDelayMs = delayMs;
  const race: Race<T> = {
    call,
    policy,
    running: new Set(),
    begun: 0,
    counted: 0,
    transparentUsed: false,
    nextAt: Number.POSITIVE_INFINITY,
    open: true,
  };
  const first = pickEndpoint(call, false);
  if (!first) {
    record.stopped = "no_endpoint";
    return noEndpoint(request.target);
  }
  begin(race, "first", first);
  race.nextAt = world.now() + (delayMs ?? Number.POSITIVE_INFINITY);
  try {
    return await run(race, delayMs);
  } finally {
    const losers = [...race.running];
    for (const { controller } of losers) controller.abort();
    // They end with their signals; after this the call holds no place at any endpoint.
    await Promise.all(losers.map(({ settled }) => settled));
  }
}

async function run<T>(race: Race<T>, delayMs: number | undefined): Promise<Outcome<T>> {
  const { call, running } = race;
  const { record, end, world } = call;
  let failure: Failure | undefined;
  for (;;) {
    record.enter(running.size > 0 ? "attempts" : "backoff");
    const settled = await nextEvent(race);
    const over = end.failure;
    if (settled?.outcome.ok) {
      record.stopped = "answered";
      return settled.outcome;
    }
    if (over) {
      record.stopped = "ended";
      return over;
    }
    if (settled && !settled.outcome.ok) {
      failure = settled.outcome;
      if (!mayGoOn(race, failure)) return failure;
    } else if (startNext(race)) {
      race.nextAt = world.now() + (delayMs ?? Number.POSITIVE_INFINITY);
    }
    if (failure && running.size === 0 && !race.open) return failure;
  }
}

/** Awaits the end of an attempt, or the time of the next one, for which it returns undefined. */
async function nextEvent<T>({ call, running, open, nextAt }: Race<T>) {
  const { world, end } = call;
  const timer = new Ending();
  const waitMs = open ? nextAt - world.now() : Number.POSITIVE_INFINITY;
  const events: Promise<Awaited<Running<T>["settled"]> | undefined>[] = [...running].map(({ settled }) => settled);
  if (Number.isFinite(waitMs)) {
    events.push(world.sleep(Math.max(0, waitMs), timer).then(() => undefined));
  }
  try {
    return await untilAborted(Promise.race(events), end);
  } finally {
    timer.abort();
  }
}

function begin<T>(race: Race<T>, kind: AttemptKind, picked: Picked): void {
  const { call, running } = race;
  const controller = new Ending();
  const follow = () => controller.abort();
  call.end.addEventListener("abort", follow);
  race.begun += 1;
  if (kind !== "transparent") race.counted += 1;
  const limits = { signal: controller, timeoutMs: Number.POSITIVE_INFINITY };
  const made = makeAttempt(call, { number: race.begun, kind, picked }, limits);
  const attempt: Running<T> = {
    controller,
    settled: made.then((outcome) => {
      call.end.removeEventListener("abort", follow);
      running.delete(attempt);
      return { attempt, outcome };
    }),
  };
  running.add(attempt);
  if (race.counted >= race.policy.maxAttempts) close(race, "attempts_used_up");
}

/** Starts the attempt whose time has come, if there is an endpoint and budget for it. */
function startNext<T>(race: Race<T>): boolean {
  const { call, running } = race;
  // Beside another attempt only a different endpoint helps; after failures the same one is better than none.
  const picked = pickEndpoint(call, running.size > 0);
  if (!picked) {
    close(race, "no_endpoint");
    return false;
  }
  if (call.guards.budget && !call.guards.budget.tryWithdraw(call.world.now())) {
    picked.done();
    close(race, "budget_empty");
    return false;
  }
  begin(race, running.size > 0 ? "hedge" : "retry", picked);
  return true;
}

/** Takes note of a failure; false when it is the call's. */
function mayGoOn<T>(race: Race<T>, failure: Failure): boolean {
  const { call, running } = race;
  if (failure.progress === "committed") return fatal(race, "committed");
  const picked = pickTransparent(call, failure, race.transparentUsed);
  if (picked) {
    race.transparentUsed = true;
    begin(race, "transparent", picked);
    return true;
  }
  if (failure.code !== Code.UNAVAILABLE) return fatal(race, "not_retryable");
  const { pushbackMs } = failure;
  if (pushbackMs !== undefined && pushbackMs < 0) close(race, "pushback");
  race.nextAt = call.world.now() + Math.max(0, pushbackMs ?? 0);
  if (race.nextAt >= call.request.deadline) close(race, "no_time");
  return running.size > 0 || race.open;
}

function fatal<T>(race: Race<T>, reason: StopReason): false {
  close(race, reason);
  return false;
}

function close<T>(race: Race<T>, reason: StopReason): void {
  race.open = false;
  race.call.record.stopped = reason;
}
