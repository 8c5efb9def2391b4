import { and, eq, inArray, sql } from "drizzle-orm";
import type { MoveContract } from "#mesh/contract";
import { afterCommit } from "#mesh/db";
import type { Engine } from "./engine.ts";
import type { Row } from "./participant-row.ts";
import { pipelined } from "./pipelined.ts";
import { longestSleepMs } from "./pump.ts";
import { timer } from "./schema.ts";
import { currentOrigin } from "./trace.ts";

/** Drops the timers of the state that was left and arms those of the state that was entered. */
export async function armTimers(engine: Engine, row: Row, { from, to }: MoveContract): Promise<void> {
  const dropped = engine.timerContracts.filter(({ armedIn }) => armedIn === from);
  const armed = engine.timerContracts.filter(({ armedIn }) => armedIn === to);
  await pipelined([
    dropped.length > 0 ? dropTimers(row, dropped.map(timerName)) : undefined,
    ...armed.map((contract) => armTimer(row, timerName(contract), contract.afterMs)),
  ]);
  // One that is due later is found in time without.
  if (armed.some(({ afterMs }) => afterMs < longestSleepMs)) afterCommit(row.tx, () => engine.timerWakeUp.wake());
}

function timerName({ method }: { method: { name: string } }): string {
  return method.name;
}

async function dropTimers({ tx, saga, key }: Row, names: string[]): Promise<void> {
  await tx.delete(timer).where(and(eq(timer.saga, saga), eq(timer.key, key), inArray(timer.name, names)));
}

async function armTimer({ tx, saga, key }: Row, name: string, afterMs: number): Promise<void> {
  const due = { dueAt: sql`now() + ${afterMs} * interval '1 millisecond'`, ...currentOrigin() };
  await tx
    .insert(timer)
    .values({ saga, key, name, ...due })
    .onConflictDoUpdate({ target: [timer.saga, timer.key, timer.name], set: { ...due, attempts: 0, error: null } });
}
