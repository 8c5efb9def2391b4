import { sql } from "drizzle-orm";
import { afterCommit, type Transaction } from "#mesh/db";
import type { Delivery } from "./delivery.ts";
import { streamOf } from "./stream-names.ts";

/** An event that waits, read and locked by whoever tries it again. */
export interface ParkedEvent {
  readonly id: string;
  readonly subject: string;
  readonly headers: Record<string, string>;
  readonly payload: Uint8Array;
  readonly attempts: number;
  readonly failures: number;
  /** How long it has waited, in milliseconds. */
  readonly ageMs: number;
}

/** First time after which a parked event is tried again without a release, in milliseconds. It doubles each time. */
const firstRetryMs = 30_000;
const longestRetryMs = 600_000;

/** Keeps an event aside, in the transaction that found out that it must wait. */
export async function park(tx: Transaction, consumer: string, delivery: Delivery): Promise<void> {
  const { eventId, key, type, subject, headers, payload } = delivery;
  await tx.execute(sql`
    insert into heddle.parked (event_id, consumer, key, type, subject, headers, payload, stream, due_at)
    values (
      ${eventId}, ${consumer}, ${key}, ${type}, ${subject}, ${JSON.stringify(headers)}::jsonb,
      ${Buffer.from(payload)}, ${streamOf(delivery)}, ${dueIn(firstRetryMs)}
    )
  `);
}

/** An ordered event whose handler failed. */
export interface HeldEvent {
  readonly consumer: string;
  readonly delivery: Delivery;
  /** Id of the record of its failure, behind which the later events of its key wait. */
  readonly letter: string;
  readonly delayMs: number;
  readonly error: string;
}

/** Keeps an ordered event that failed at the head of its key's tail, to be tried again after `delayMs`. */
export async function parkHeld(
  tx: Transaction,
  { consumer, delivery, letter, delayMs, error }: HeldEvent,
): Promise<void> {
  const { eventId, key, type, subject, headers, payload } = delivery;
  await tx.execute(sql`
    insert into heddle.parked (
      event_id, consumer, key, type, subject, headers, payload, stream, blocked_by, due_at, failures, error
    ) values (
      ${eventId}, ${consumer}, ${key}, ${type}, ${subject}, ${JSON.stringify(headers)}::jsonb,
      ${Buffer.from(payload)}, ${streamOf(delivery)}, ${letter}, ${dueIn(delayMs)}, 1, ${error}
    )
  `);
}

/**
 * Makes the parked events of these keys due, in the transaction that moves their saga on, and calls `kick` after it.
 *
 * An event that is being tried at this moment is passed over rather than waited for, which could deadlock: its
 * handler waits for the lock that the mover holds, and then sees the move.
 */
export async function releaseParked(tx: Transaction, keys: readonly string[], kick: () => void): Promise<void> {
  if (keys.length === 0) {
    return;
  }
  const released = await tx.execute(sql`
    update heddle.parked set due_at = now()
    where id in (
      select id from heddle.parked
      where key = any(${sql.param([...keys])}::text[]) and due_at > now() and blocked_by is null
      for update skip locked
    )
    returning 1
  `);
  if (released.length > 0) {
    afterCommit(tx, kick);
  }
}

/** Locks and returns the oldest due event of some key, undefined where none is due; the later ones of a key wait. */
export async function claimParked(tx: Transaction, consumer: string): Promise<ParkedEvent | undefined> {
  const [row] = await tx.execute<Record<keyof ParkedEvent, never>>(sql`
    select id, subject, headers, payload, attempts, failures,
      (extract(epoch from now() - parked_at) * 1000)::float8 as "ageMs"
    from heddle.parked as first
    where consumer = ${consumer} and due_at <= now() and not exists (
      select from heddle.parked as earlier
      where earlier.consumer = first.consumer and earlier.key = first.key and earlier.id < first.id
        and (earlier.due_at <= now() or ${isTailOf("earlier", "first")})
    )
    order by id
    limit 1
    for update skip locked
  `);
  return row;
}

/** Behind a dead letter each event waits for the one before it, however long that takes. */
function isTailOf(earlier: string, later: string) {
  return sql.raw(
    `${earlier}.blocked_by is not null and ${later}.blocked_by is not null and ${earlier}.stream = ${later}.stream`,
  );
}

/** Ends an event's wait. Returns false when somebody has ended it before. */
export async function deleteParked(tx: Transaction, id: string): Promise<boolean> {
  const deleted = await tx.execute(sql`delete from heddle.parked where id = ${id} returning 1`);
  return deleted.length > 0;
}

/** Ends the wait of an event, wherever it is found. Returns false when it does not wait. */
export async function takeFromParked(tx: Transaction, eventId: string, consumer: string): Promise<boolean> {
  const taken = await tx.execute(
    sql`delete from heddle.parked where event_id = ${eventId} and consumer = ${consumer} returning 1`,
  );
  return taken.length > 0;
}

/** Keeps an event that was tried too early waiting. */
export async function parkAgain(tx: Transaction, { id, attempts }: ParkedEvent): Promise<void> {
  const dueAt = dueIn(Math.min(firstRetryMs * 2 ** attempts, longestRetryMs));
  await tx.execute(sql`
    update heddle.parked set attempts = attempts + 1, due_at = ${dueAt}, blocked_by = null where id = ${id}
  `);
}

/** Keeps an event whose handler failed waiting. Returns false when somebody has ended its wait meanwhile. */
export async function parkFailed(tx: Transaction, id: string, delayMs: number, error: string): Promise<boolean> {
  const kept = await tx.execute(sql`
    update heddle.parked set failures = failures + 1, due_at = ${dueIn(delayMs)}, error = ${error} where id = ${id}
    returning 1
  `);
  return kept.length > 0;
}

function dueIn(ms: number) {
  return sql`now() + make_interval(secs => ${ms / 1000}::float8)`;
}
