import { and, eq, sql } from "drizzle-orm";
import type { Transaction } from "#mesh/db";
import { move, participant } from "./schema.ts";
import { currentOrigin } from "./trace.ts";

/** What makes a participant move. */
export type StepCause =
  | { readonly by: "command" | "timer" | "effect" }
  | { readonly by: "event"; readonly eventId: string; readonly eventType: string };

/** Which participant row, in which transaction. */
export interface Row {
  readonly tx: Transaction;
  readonly saga: string;
  readonly key: string;
}

/** A participant row that the transaction has locked. */
export interface Locked {
  readonly state: string;
  /** Whether the transaction itself has inserted it, in the state NONE. */
  readonly fresh: boolean;
}

/**
 * Locks the row of a key, and inserts it first where there is none: the first events of a key are ordered by it too.
 * One statement, for it stands in every step: the update that changes nothing is what locks.
 */
export async function lockParticipant({ tx, saga, key }: Row): Promise<Locked> {
  const [row] = await tx
    .insert(participant)
    .values({ saga, key, state: "NONE" })
    .onConflictDoUpdate({ target: [participant.saga, participant.key], set: { saga } })
    .returning({ state: participant.state, fresh: sql<boolean>`xmax = 0` });
  if (!row) throw new Error(`The participant row of ${saga}/${key} could not be locked`);
  return row;
}

/** Removes a row that was inserted only to be locked. */
export async function forgetParticipant({ tx, saga, key }: Row): Promise<void> {
  await tx.delete(participant).where(isRow(saga, key));
}

/** A step as it is stored. */
export interface StoredStep {
  readonly from: string;
  readonly to: string;
  /** Whether more may follow. */
  readonly open: boolean;
  /** Full name of the rpc that takes it. */
  readonly rpc: string;
  readonly cause: StepCause;
  /** Full names of the events that it announces. */
  readonly announced: readonly string[];
}

/** Stores the state that a step has led to, and the step in the history: one statement, for it stands in every step. */
export async function storeStep({ tx, saga, key }: Row, step: StoredStep): Promise<void> {
  const { from, to, rpc, cause, announced } = step;
  const event = cause.by === "event" ? cause : undefined;
  const { traceparent } = currentOrigin();
  await tx.execute(sql`
    with moved as (
      update ${participant}
      set state = ${to}, open = ${step.open}, moved_by = ${rpc}, event_id = ${event?.eventId ?? null}, version = version + 1, updated_at = now()
      where saga = ${saga} and key = ${key}
      returning version
    )
    insert into ${move}
      (saga, key, version, from_state, to_state, rpc, cause, event_id, event_type, announced, traceparent)
    select ${saga}, ${key}, version, ${from}, ${to}, ${rpc}, ${cause.by}, ${event?.eventId ?? null}::uuid,
      ${event?.eventType ?? null}, ${announced.length > 0 ? sql.param(announced) : null}::text[], ${traceparent}
    from moved`);
}

function isRow(saga: string, key: string) {
  return and(eq(participant.saga, saga), eq(participant.key, key));
}
