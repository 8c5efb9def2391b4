import { and, eq, sql } from "drizzle-orm";
import type { Transaction } from "#mesh/db";
import type { Cause } from "#mesh/events";
import type { Engine } from "./engine.ts";
import { effect } from "./schema.ts";
import { readCause } from "./trace.ts";

/** An attempt that this process has claimed. */
export interface Claim {
  readonly id: number;
  readonly key: string;
  readonly name: string;
  /** Number of the attempt, from 1. Whoever claims later has a higher one, which fences this one off. */
  readonly attempt: number;
  readonly traceparent: string | null;
  readonly cause: Cause | null;
}

/** How much longer than a call's deadline it stays claimed, in milliseconds. */
const leaseMarginMs = 5_000;

/** Claims up to `limit` due calls, each until its deadline plus 5 s. Safe in any number of replicas. */
export async function claimEffects(engine: Engine, limit: number): Promise<Claim[]> {
  const rows = await engine.database.orm.execute<Record<keyof Claim, unknown>>(sql`
    with claimed as (
      select id from ${effect}
      where saga = ${engine.saga} and status = 'due' and due_at <= now() and name = any(${names(engine)}::text[])
      order by due_at limit ${limit} for update skip locked
    )
    update ${effect} set attempts = attempts + 1,
      due_at = now() + (${leases(engine)}::jsonb ->> name)::int * interval '1 millisecond'
    where id in (select id from claimed)
    returning id, key, name, attempts as attempt, traceparent, cause`);
  return rows.map(({ id, key, name, attempt, traceparent, cause }) => ({
    id: Number(id),
    key: String(key),
    name: String(name),
    attempt: Number(attempt),
    traceparent: typeof traceparent === "string" ? traceparent : null,
    cause: readCause(cause),
  }));
}

/** Milliseconds until the next call can be claimed; Infinity when there is none. */
export async function nextEffectMs(engine: Engine): Promise<number> {
  const [row] = await engine.database.orm.execute<{ ms: unknown }>(sql`
    select extract(epoch from due_at - clock_timestamp()) * 1000 as ms from ${effect}
    where saga = ${engine.saga} and status = 'due' and name = any(${names(engine)}::text[])
    order by due_at limit 1`);
  return row?.ms == null ? Number.POSITIVE_INFINITY : Math.ceil(Number(row.ms));
}

/**
 * Ends a call whose outcome is known, and makes the next one of its key due. False when the claim was lost: another
 * attempt has it then. The participant is locked, so nobody else enters or ends calls of the key.
 */
export async function finishEffect(
  tx: Transaction,
  claim: Claim,
  end: { readonly status: "done" | "failed"; readonly error?: string },
): Promise<boolean> {
  const { status, error = null } = end;
  const [row] = await tx.execute(sql`
    with finished as (
      update ${effect} set status = ${status}, error = ${error}, finished_at = now()
      where id = ${claim.id} and attempts = ${claim.attempt} and status = 'due'
      returning saga, key
    ), promoted as (
      update ${effect} set status = 'due', due_at = now() where id = (
        select min(next.id) from ${effect} as next join finished using (saga, key) where next.status = 'waiting'
      )
    )
    select exists (select from finished) as finished`);
  return row?.finished === true;
}

/** Gives a call whose outcome is not known back, to be tried again after `waitMs`. */
export async function releaseEffect(engine: Engine, claim: Claim, waitMs: number, error: unknown): Promise<void> {
  const dueAt = sql`clock_timestamp() + ${waitMs} * interval '1 millisecond'`;
  await engine.database.orm
    .update(effect)
    .set({ dueAt, error: String(error) })
    .where(isClaimed(claim));
}

function isClaimed({ id, attempt }: Claim) {
  return and(eq(effect.id, id), eq(effect.attempts, attempt), eq(effect.status, "due"));
}

function names({ effectContracts }: Engine) {
  return sql.param(effectContracts.map(({ method }) => method.name));
}

/** Milliseconds that an attempt stays claimed, by the name of its rpc. */
function leases({ effectContracts }: Engine): string {
  const entries = effectContracts.map(({ method, deadlineMs }) => [method.name, deadlineMs + leaseMarginMs]);
  return JSON.stringify(Object.fromEntries(entries));
}
