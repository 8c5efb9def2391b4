import { create } from "@bufbuild/protobuf";
import { EffectDueSchema } from "#gen/heddle/v1/saga_pb.ts";
import type { EffectContract } from "#mesh/contract";
import { afterCommit, type Transaction } from "#mesh/db";
import { PermanentError, retryDelayMs } from "#mesh/events";
import { faultPoint } from "#mesh/fault";
import type { Part } from "#mesh/process";
import { type Claim, claimEffects, finishEffect, nextEffectMs, releaseEffect } from "./effect-claim.ts";
import type { Engine } from "./engine.ts";
import { type AnyOutcome, effectHandler } from "./handler-of.ts";
import { type Locked, lockParticipant } from "./participant-row.ts";
import { createPump } from "./pump.ts";
import { rpcName } from "./reception.ts";
import { readResult } from "./result.ts";
import { runLater } from "./trace.ts";
import { transition } from "./transition.ts";

/** Failures from which on a call that still has no outcome is an error in the log. */
const alarmAfter = 5;

/** Makes the part that makes due calls to the outside world. Any number of replicas may run it. */
export function createEffectWorker(engine: Engine): Part {
  return createPump({
    name: `effects of ${engine.contract.name}`,
    log: engine.log,
    concurrency: engine.effectConcurrency ?? 16,
    stopTimeoutMs: engine.stopTimeoutMs ?? 10_000,
    wakeUp: engine.effectWakeUp,
    async find(limit) {
      const claims = await claimEffects(engine, limit);
      const jobs = claims.map((claim) => (signal: AbortSignal) => attempt(engine, claim, signal));
      // With every place taken the end of a call wakes the worker.
      return { jobs, nextMs: claims.length === limit ? 0 : await nextEffectMs(engine) };
    },
  });
}

async function attempt(engine: Engine, claim: Claim, stop: AbortSignal): Promise<boolean> {
  const contract = engine.effectContracts.find(({ method }) => method.name === claim.name);
  if (!contract) throw new Error(`${engine.contract.name} declares no effect ${claim.name}`);
  const signal = AbortSignal.any([stop, AbortSignal.timeout(contract.deadlineMs)]);
  const deadline = Date.now() + contract.deadlineMs;
  return runLater(claim, { signal, deadline }, async () => {
    try {
      await faultPoint("effect.claimed");
      const outcome = await call(engine, { claim, contract, signal });
      await complete(engine, { claim, contract, outcome });
      await faultPoint("effect.committed");
    } catch (error) {
      await retryLater(engine, claim, error, stop.aborted);
    }
    return true;
  });
}

interface Attempt {
  readonly claim: Claim;
  readonly contract: EffectContract;
}

async function call(
  engine: Engine,
  { claim, contract, signal }: Attempt & { readonly signal: AbortSignal },
): Promise<AnyOutcome> {
  const idempotencyKey = `${engine.saga}/${claim.key}/${claim.name}`;
  const due = create(EffectDueSchema, { key: claim.key, attempt: claim.attempt });
  const called = answerOf(effectHandler(engine, contract.method)(due, { signal, idempotencyKey, log: engine.log }));
  // A handler that does not heed the signal must not hold its place for ever.
  const aborted = Promise.withResolvers<never>();
  const giveUp = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([called, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

async function answerOf(called: Promise<AnyOutcome>): Promise<AnyOutcome> {
  const outcome = await called;
  await faultPoint("effect.answered");
  return outcome;
}

/** The second transaction: the outcome is known now, and is stored together with the step that it takes. */
async function complete(engine: Engine, attempt: Attempt & { readonly outcome: AnyOutcome }): Promise<void> {
  const { claim, contract, outcome } = attempt;
  try {
    await engine.database.transaction(async (tx) => {
      const locked = await finishLocked(engine, tx, attempt, { status: "done" });
      if (!locked) return;
      const reception = { ...contract, parkedIn: [] };
      const decide = async () => ({
        ...readResult(contract.method, contract.results, outcome.result),
        value: undefined,
      });
      const moved = await transition(engine, {
        tx,
        key: claim.key,
        reception,
        cause: { by: "effect" },
        locked,
        decide,
      });
      if (moved.outcome !== "illegal") return;
      throw new PermanentError(
        `${rpcName(contract.method)} has an outcome in the state ${moved.state} of ${engine.saga}/${claim.key}, in which it is neither allowed nor ignored. Declare what it does there.`,
      );
    });
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    const { saga } = engine;
    engine.log.error(
      { err: error, saga, key: claim.key, effect: claim.name },
      "the outcome of a call fits no declared move",
    );
    const end = { status: "failed", error: String(error) } as const;
    await engine.database.transaction((tx) => finishLocked(engine, tx, attempt, end));
  }
}

/** Ends the call and writes what is to be remembered of it, in every case. Undefined when the claim was lost. */
async function finishLocked(
  engine: Engine,
  tx: Transaction,
  { claim, outcome }: Attempt & { readonly outcome: AnyOutcome },
  end: Parameters<typeof finishEffect>[2],
): Promise<Locked | undefined> {
  // The participant is locked first, as every step does: two that lock in the same order cannot wait for each other.
  const locked = await lockParticipant({ tx, saga: engine.saga, key: claim.key });
  if (!(await finishEffect(tx, claim, end))) {
    engine.log.warn(
      { saga: engine.saga, key: claim.key, effect: claim.name },
      "another attempt has taken the call over",
    );
    return undefined;
  }
  await outcome.record?.(tx);
  afterCommit(tx, () => engine.effectWakeUp.wake());
  return locked;
}

/** A call is never given up before its outcome is known. */
async function retryLater(engine: Engine, claim: Claim, error: unknown, stopping: boolean): Promise<void> {
  const { saga, log } = engine;
  // A stopping process hands the call over at once: nothing says that it failed.
  const waitMs = stopping ? 0 : retryDelayMs(claim.attempt);
  const about = { err: error, saga, key: claim.key, effect: claim.name, attempt: claim.attempt, waitMs };
  if (!stopping && claim.attempt >= alarmAfter) log.error(about, "call to the outside world failed, still trying");
  else log.warn(about, "call to the outside world failed, trying again");
  await releaseEffect(engine, claim, waitMs, error);
  await faultPoint("effect.released");
}
