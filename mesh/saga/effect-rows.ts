import { and, eq, sql } from "drizzle-orm";
import type { EffectContract, MoveContract } from "#mesh/contract";
import { afterCommit } from "#mesh/db";
import type { Engine } from "./engine.ts";
import type { Row } from "./participant-row.ts";
import { pipelined } from "./pipelined.ts";
import { effect } from "./schema.ts";
import { currentTraceparent } from "./trace.ts";

/** Skips a call of the state that was left if it was never attempted, and makes the call of the new state due. */
export async function dueEffects(engine: Engine, row: Row, { from, to }: MoveContract): Promise<void> {
  const left = engine.effectContracts.filter(({ dueIn }) => dueIn === from);
  const entered = engine.effectContracts.filter(({ dueIn }) => dueIn === to);
  await pipelined([
    ...left.map((contract) => skipEffect(row, contract)),
    ...entered.map((contract) =>
      row.tx
        .insert(effect)
        .values({ saga: row.saga, key: row.key, name: contract.method.name, traceparent: currentTraceparent() }),
    ),
  ]);
  if (left.length + entered.length > 0) afterCommit(row.tx, () => engine.effectBell.ring());
}

/** An attempt counts from its claim on: whether the call was made is not known, so it must run to its outcome. */
async function skipEffect({ tx, saga, key }: Row, { method }: EffectContract): Promise<void> {
  await tx
    .update(effect)
    .set({ status: "skipped", finishedAt: sql`now()` })
    .where(
      and(
        eq(effect.saga, saga),
        eq(effect.key, key),
        eq(effect.name, method.name),
        eq(effect.status, "due"),
        eq(effect.attempts, 0),
      ),
    );
}
