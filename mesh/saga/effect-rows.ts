import { and, eq, inArray, sql } from "drizzle-orm";
import type { EffectContract, MoveContract } from "#mesh/contract";
import { afterCommit } from "#mesh/db";
import type { Engine } from "./engine.ts";
import type { Row } from "./participant-row.ts";
import { pipelined } from "./pipelined.ts";
import { effect } from "./schema.ts";
import { currentOrigin } from "./trace.ts";

/**
 * Skips a call of the state that was left if it was never attempted, and makes the call of the new state due: at once,
 * or as soon as the calls of its key before it have ended.
 */
export async function dueEffects(engine: Engine, row: Row, { from, to }: MoveContract): Promise<void> {
  const left = engine.effectContracts.filter(({ dueIn }) => dueIn === from);
  const entered = engine.effectContracts.filter(({ dueIn }) => dueIn === to);
  await pipelined([
    ...left.map((contract) => skipEffect(row, contract)),
    ...entered.map((contract) => enterEffect(row, contract)),
  ]);
  if (left.length + entered.length > 0) afterCommit(row.tx, () => engine.effectWakeUp.wake());
}

async function enterEffect({ tx, saga, key }: Row, { method }: EffectContract): Promise<void> {
  const { traceparent, cause } = currentOrigin();
  await tx.execute(sql`
    insert into ${effect} (saga, key, name, traceparent, cause, status)
    select ${saga}, ${key}, ${method.name}, ${traceparent}, ${cause && JSON.stringify(cause)}::jsonb, case when exists (
      select 1 from ${effect} where saga = ${saga} and key = ${key} and status in ('waiting', 'due')
    ) then 'waiting' else 'due' end`);
}

/** An attempt counts from its claim on: whether the call was made is not known, so it must run to its outcome. */
async function skipEffect({ tx, saga, key }: Row, { method }: EffectContract): Promise<void> {
  const ofKey = and(eq(effect.saga, saga), eq(effect.key, key), eq(effect.name, method.name));
  await tx
    .update(effect)
    .set({ status: "skipped", finishedAt: sql`now()` })
    .where(and(ofKey, inArray(effect.status, ["waiting", "due"]), eq(effect.attempts, 0)));
}
