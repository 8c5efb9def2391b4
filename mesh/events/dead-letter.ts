import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import type { Transaction } from "#mesh/db";
import type { Delivery } from "./delivery.ts";

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

/** Stores an event with all that a replay needs: the stream may forget it. */
export async function insertDeadLetter(tx: Transaction, letter: DeadLetter): Promise<void> {
  const { consumer, delivery, stream, sequence, error } = letter;
  const message = errorText(error);
  await tx.execute(sql`
    insert into heddle.dead_letter (
      event_id, consumer, key, type, subject, stream, stream_seq, headers, payload, deliveries, error, error_hash,
      first_seen
    ) values (
      ${delivery.eventId}, ${consumer}, ${delivery.key}, ${delivery.type}, ${delivery.subject}, ${stream},
      ${sequence ?? null}, ${JSON.stringify(delivery.headers)}::jsonb, ${Buffer.from(delivery.payload)},
      ${delivery.deliveries}, ${message}, ${errorHash(message)}, ${delivery.time.toISOString()}
    )
  `);
}

/** The stack of an error, for who repairs it. */
export function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}

/** Says in which group an error belongs: its first line without ids, numbers and quoted values. */
function errorHash(text: string): string {
  const [first = ""] = text.split("\n");
  const shape = first.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|"[^"]*"|\d+/g, "?");
  return createHash("sha256").update(shape).digest("hex").slice(0, 16);
}
