import { and, eq, sql } from "drizzle-orm";
import type { Transaction } from "#mesh/db";
import { participant } from "./schema.ts";

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

/** Stores the state that a step has led to. */
export async function storeState(row: Row, step: { state: string; movedBy: string; eventId: string | undefined }) {
  await row.tx
    .update(participant)
    .set({
      state: step.state,
      movedBy: step.movedBy,
      eventId: step.eventId ?? null,
      version: sql`${participant.version} + 1`,
      updatedAt: sql`now()`,
    })
    .where(isRow(row.saga, row.key));
}

function isRow(saga: string, key: string) {
  return and(eq(participant.saga, saga), eq(participant.key, key));
}
