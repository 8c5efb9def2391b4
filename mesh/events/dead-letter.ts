import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Transaction } from "#mesh/db";
import type { Logger } from "#mesh/telemetry";
import type { Delivery } from "./delivery.ts";
import { retryDelayMs } from "./retry-delay.ts";

const longestCriticalMs = 60_000;

/** An event that is given up. */
export interface DeadLetter {
  readonly consumer: string;
  readonly delivery: Pick<
    Delivery,
    "eventId" | "key" | "type" | "subject" | "headers" | "payload" | "deliveries" | "time"
  >;
  readonly stream: string;
  /** Position in the stream, where it is known. */
  readonly sequence: number | undefined;
  readonly error: unknown;
}

/** Stores an event with all that a replay needs, and returns the letter's id: the stream may forget the event. */
export async function insertDeadLetter(tx: Transaction, letter: DeadLetter): Promise<string> {
  return String(await storeLetter(tx, letter, "open"));
}

/**
 * Records an event that fails and is tried again. Returns nothing when somebody has ended it meanwhile: a failure that
 * is told late must not bring it back.
 */
export async function recordRetrying(tx: Transaction, letter: DeadLetter): Promise<string | undefined> {
  return await storeLetter(tx, letter, "retrying");
}

/** Ends the record of an event that went through in the end. */
export async function recordRecovery(tx: Transaction, eventId: string, consumer: string): Promise<void> {
  await tx.execute(sql`
    update heddle.dead_letter set state = 'recovered'
    where event_id = ${eventId} and consumer = ${consumer} and state = 'retrying'
  `);
}

async function storeLetter(
  tx: Transaction,
  letter: DeadLetter,
  state: "open" | "retrying",
): Promise<string | undefined> {
  const { consumer, delivery, stream, sequence, error } = letter;
  const message = errorText(error);
  const [row] = await tx.execute(sql`
    insert into heddle.dead_letter as known (
      event_id, consumer, key, type, subject, stream, stream_seq, headers, payload, deliveries, error, error_hash,
      first_seen, state
    ) values (
      ${delivery.eventId}, ${consumer}, ${delivery.key}, ${delivery.type}, ${delivery.subject}, ${stream},
      ${sequence ?? null}, ${JSON.stringify(delivery.headers)}::jsonb, ${Buffer.from(delivery.payload)},
      ${delivery.deliveries}, ${message}, ${errorHash(message)}, ${delivery.time.toISOString()}, ${state}
    )
    on conflict (event_id, consumer) do update set
      state = excluded.state, error = excluded.error, error_hash = excluded.error_hash, last_seen = now(),
      deliveries = excluded.deliveries + case when known.state = 'retrying' then 0 else known.deliveries end
    where excluded.state = 'open' or known.state in ('retrying', 'recovered')
    returning id
  `);
  return row && String(row.id);
}

/**
 * Tells whoever is on call that an event cannot be taken in which must not be given up. Returns when it is tried
 * again, in milliseconds: at most 60 s.
 */
export function tellCritical(log: Logger, delivery: Delivery, error: unknown): number {
  const { eventId, type, key, deliveries } = delivery;
  const delayMs = Math.min(retryDelayMs(deliveries), longestCriticalMs);
  const about = { critical: true, eventId, type, key, deliveries, delayMs, err: error };
  log.error(about, "a critical event cannot be taken in: it is tried until it can");
  return delayMs;
}

/** The stack of an error, for who repairs it. */
export function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}

/** Says in which group an error belongs: its first line without ids, numbers and quoted values. */
export function errorHash(text: string): string {
  const [first = ""] = text.split("\n");
  const shape = first.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|"[^"]*"|\d+/g, "?");
  return createHash("sha256").update(shape).digest("hex").slice(0, 16);
}
