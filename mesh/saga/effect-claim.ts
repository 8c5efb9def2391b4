import { and, eq, sql } from "drizzle-orm";
import type { Transaction } from "#mesh/db";
import type { Engine } from "./engine.ts";
import { effect } from "./schema.ts";

/** An attempt that this process has claimed. */
export interface Claim {
  readonly id: number;
  readonly key: string;
  readonly name: string;
  /** Number of the attempt, from 1. Whoever claims later has a higher one, which fences this one off. */
  readonly attempt: number;
  readonly traceparent: string | null;
}

/** How much longer than a call's deadline it stays claimed, in milliseconds. */
const leaseMarginMs = 5_000;

/** Calls that are the earliest open ones of their key: later ones wait for their outcome. */
const isFirstOfKey = sql`not exists (
  select 1 from ${effect} earlier
  where earlier.saga = due.saga and earlier.key = due.key and earlier.status = 'due' and earlier.id < due.id
)`;

/** Claims up to `limit` due calls, each until its deadline plus 5 s. Safe in any number of replicas. */
export async function claimEffects(engine: Engine, limit: number): Promise<Claim[]> {
  const rows = await engine.database.orm.execute<Record<keyof Claim, unknown>>(sql`
    with lease as (select * from jsonb_to_recordset(${leases(engine)}::jsonb) as lease (name text, ms int)),
    claimed as (
      select due.id, lease.ms from ${effect} due join lease using (name)
      where due.saga = ${engine.saga} and due.status = 'due' and due.due_at <= now()
        and (due.lease_until is null or due.lease_until <= now()) and ${isFirstOfKey}
      order by due.due_at, due.id limit ${limit} for update of due skip locked
    )
    update ${effect} set attempts = attempts + 1, lease_until = now() + claimed.ms * interval '1 millisecond'
    from claimed where ${effect.id} = claimed.id
    returning ${effect.id}, ${effect.key}, ${effect.name}, ${effect.attempts} as attempt, ${effect.traceparent}`);
  return rows.map(({ id, key, name, attempt, traceparent }) => ({
    id: Number(id),
    key: String(key),
    name: String(name),
    attempt: Number(attempt),
    traceparent: typeof traceparent === "string" ? traceparent : null,
  }));
}

/** Milliseconds until the next call can be claimed; Infinity when there is none. */
export async function nextEffectMs(engine: Engine): Promise<number> {
  const [row] = await engine.database.orm.execute<{ ms: unknown }>(sql`
    select extract(epoch from min(greatest(due.due_at, due.lease_until)) - clock_timestamp()) * 1000 as ms
    from ${effect} due join jsonb_to_recordset(${leases(engine)}::jsonb) as lease (name text, ms int) using (name)
    where due.saga = ${engine.saga} and due.status = 'due' and ${isFirstOfKey}`);
  return row?.ms == null ? Number.POSITIVE_INFINITY : Math.ceil(Number(row.ms));
}

/** Ends a call whose outcome is known. False when the claim was lost: another attempt has it then. */
export async function finishEffect(
  tx: Transaction,
  claim: Claim,
  end: { readonly status: "done" | "failed"; readonly error?: string },
): Promise<boolean> {
  const finished = await tx
    .update(effect)
    .set({ status: end.status, error: end.error ?? null, finishedAt: sql`now()`, leaseUntil: null })
    .where(isClaimed(claim))
    .returning({ id: effect.id });
  return finished.length > 0;
}

/** Gives a call whose outcome is not known back, to be tried again after `waitMs`. */
export async function releaseEffect(engine: Engine, claim: Claim, waitMs: number, error: unknown): Promise<void> {
  const dueAt = sql`clock_timestamp() + ${waitMs} * interval '1 millisecond'`;
  await engine.database.orm
    .update(effect)
    .set({ dueAt, leaseUntil: null, error: String(error) })
    .where(isClaimed(claim));
}

function isClaimed({ id, attempt }: Claim) {
  return and(eq(effect.id, id), eq(effect.attempts, attempt), eq(effect.status, "due"));
}

function leases({ effectContracts }: Engine): string {
  return JSON.stringify(
    effectContracts.map(({ method, deadlineMs }) => ({ name: method.name, ms: deadlineMs + leaseMarginMs })),
  );
}
