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
  const { consumer, delivery, stream, sequence, error } = letter;
  const message = errorText(error);
  const [row] = await tx.execute(sql`
    insert into heddle.dead_letter (
      event_id, consumer, key, type, subject, stream, stream_seq, headers, payload, deliveries, error, error_hash,
      first_seen
    ) values (
      ${delivery.eventId}, ${consumer}, ${delivery.key}, ${delivery.type}, ${delivery.subject}, ${stream},
      ${sequence ?? null}, ${JSON.stringify(delivery.headers)}::jsonb, ${Buffer.from(delivery.payload)},
      ${delivery.deliveries}, ${message}, ${errorHash(message)}, ${delivery.time.toISOString()}
    )
    on conflict (event_id, consumer) do update set
      state = 'open', error = excluded.error, error_hash = excluded.error_hash, last_seen = now(),
      deliveries = heddle.dead_letter.deliveries + excluded.deliveries
    returning id
  `);
  return String(row?.id);
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
