import { eventKey, type MoveContract } from "#mesh/contract";
import type { Transaction } from "#mesh/db";
import { type Emission, PermanentError } from "#mesh/events";
import { dueEffects } from "./effect-rows.ts";
import { type Engine, requireEvents } from "./engine.ts";
import {
  forgetParticipant,
  type Locked,
  lockParticipant,
  type Row,
  type StepCause,
  storeStep,
} from "./participant-row.ts";
import { pipelined } from "./pipelined.ts";
import { type Classification, classify, type Reception, requireMove, rpcName } from "./reception.ts";
import type { Result } from "./result.ts";
import { armTimers } from "./timer-rows.ts";

/** A request to take one step of one participant. */
export interface Step<T> {
  readonly tx: Transaction;
  readonly key: string;
  readonly reception: Reception;
  readonly cause: StepCause;
  /** The participant's row, where the caller has locked it. */
  readonly locked?: Locked | undefined;
  /** Decides which step is taken. Runs only in a state from which the contract allows one; the row is locked. */
  readonly decide: (state: string) => Promise<Result & { readonly value: T }>;
}

/** What became of a step. */
export type Transition<T> =
  | { readonly outcome: "moved"; readonly from: string; readonly to: string; readonly value: T }
  | { readonly outcome: Exclude<Classification, "allowed">; readonly state: string };

/**
 * The one way in which a participant moves. In the given transaction: locks the participant's row, looks up what the
 * contract says about its state, lets `decide` choose, and stores the declared state together with all that follows
 * from it: events, timers, due calls, released deliveries.
 * Throws a PermanentError for a step that the contract does not declare; the caller must roll back then.
 */
export async function transition<T>(engine: Engine, step: Step<T>): Promise<Transition<T>> {
  const { tx, key, reception } = step;
  const row = { tx, saga: engine.saga, key };
  const { state, fresh } = step.locked ?? (await lockParticipant(row));
  const outcome = classify(reception, state);
  if (outcome !== "allowed") {
    // A parked event keeps the row, so that it can be seen what waits.
    if (fresh && outcome !== "parked") await forgetParticipant(row);
    return { outcome, state };
  }
  const { value, ...result } = await step.decide(state);
  const move = requireMove(reception, state, result.step);
  requireSameKey(reception, key, result.step);
  await store(engine, row, { move, result, rpc: rpcName(reception.method), cause: step.cause });
  return { outcome: "moved", from: move.from, to: move.to, value };
}

interface TakenStep {
  readonly move: MoveContract;
  readonly result: Result;
  readonly rpc: string;
  readonly cause: StepCause;
}

/** Statements that do not depend on each other are pipelined: a step costs few round trips. */
async function store(engine: Engine, row: Row, { move, result, rpc, cause }: TakenStep): Promise<void> {
  const { from, to } = move;
  const events = result.step ? [result.step, ...result.extra] : result.extra;
  const announced = events.map(({ event }) => event.message.typeName);
  await pipelined([
    storeStep(row, { from, to, open: !engine.finalStates.has(to), rpc, cause, announced }),
    // Staying in a state neither enters nor leaves it.
    ...(from === to ? [] : [armTimers(engine, row, move), dueEffects(engine, row, move)]),
    events.length > 0 ? requireEvents(engine).outbox.append(row.tx, events) : undefined,
    engine.parkedStates.has(from) && from !== to ? requireEvents(engine).release(row.tx, [row.key]) : undefined,
  ]);
  engine.log.debug({ saga: row.saga, key: row.key, from, to, by: rpc }, "saga moved");
}

/** Whoever consumes the event finds its own participant by the event's key. */
function requireSameKey(reception: Reception, key: string, step: Emission | undefined): void {
  if (!step) return;
  const announced = eventKey(step.event, step.message);
  if (announced === key) return;
  throw new PermanentError(
    `${rpcName(reception.method)} moves ${key} but announces ${step.event.message.typeName} with the key ${announced}. Set ${step.event.key.name} to the key of the instance.`,
  );
}
