import { sql } from "drizzle-orm";
import type { Transaction } from "#mesh/db";

/**
 * Records that a consumer has taken an event in. Returns false when it had already: the transaction must then change
 * nothing. A reception of the same event that is under way is waited for.
 */
export async function enterInbox(
  tx: Transaction,
  eventId: string,
  consumer: string,
  status: "done" | "dead",
): Promise<boolean> {
  const entered = await tx.execute(sql`
    insert into heddle.inbox (event_id, consumer, status) values (${eventId}, ${consumer}, ${status})
    on conflict do nothing
    returning 1
  `);
  return entered.length > 0;
}

/** Changes what became of an event that is in the inbox. */
export async function setInboxStatus(
  tx: Transaction,
  eventId: string,
  consumer: string,
  status: "done" | "parked" | "dead",
): Promise<void> {
  await tx.execute(sql`
    update heddle.inbox set status = ${status} where event_id = ${eventId} and consumer = ${consumer}
  `);
}
