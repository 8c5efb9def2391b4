import { sql } from "drizzle-orm";
import type { Transaction } from "#mesh/db";
import type { Delivery } from "./delivery.ts";
import { streamOf } from "./stream-names.ts";

/**
 * Records that a consumer has taken an event in. Returns false when it had already: the transaction must then change
 * nothing. A reception of the same event that is under way is waited for.
 */
export async function enterInbox(
  tx: Transaction,
  eventId: string,
  consumer: string,
  status: "done" | "parked" | "dead",
): Promise<boolean> {
  const entered = await tx.execute(sql`
    insert into heddle.inbox (event_id, consumer, status) values (${eventId}, ${consumer}, ${status})
    on conflict do nothing
    returning 1
  `);
  return entered.length > 0;
}

/** What the inbox knows of a delivered event. */
export interface Entry {
  /** False when it was taken in before. */
  readonly entered: boolean;
  /** Whether an earlier event of its producer and key is a dead letter or waits behind one. */
  readonly blocked: boolean;
  /** Whether it is on record as one that fails and is tried again. */
  readonly retrying: boolean;
}

/** Records a delivered event as taken in, and asks what stands against it in the same round trip. */
export async function enterDelivered(tx: Transaction, delivery: Delivery, consumer: string): Promise<Entry> {
  const isLane = sql`consumer = ${consumer} and stream = ${streamOf(delivery)} and key = ${delivery.key}`;
  const [row] = await tx.execute(sql`
    with entered as (
      insert into heddle.inbox (event_id, consumer, status) values (${delivery.eventId}, ${consumer}, 'done')
      on conflict do nothing
      returning 1
    )
    select exists (select from entered) as entered,
      exists (
        select from heddle.dead_letter
        where event_id = ${delivery.eventId} and consumer = ${consumer} and state = 'retrying'
      ) as retrying,
      exists (select from heddle.dead_letter where ${isLane} and state = 'open')
        or exists (select from heddle.parked where ${isLane} and blocked_by is not null) as blocked
  `);
  return { entered: row?.entered === true, blocked: row?.blocked === true, retrying: row?.retrying === true };
}

/** Changes what became of an event, from now on: the inbox keeps it as long as one that was just received. */
export async function setInboxStatus(
  tx: Transaction,
  eventId: string,
  consumer: string,
  status: "done" | "parked" | "dead",
): Promise<void> {
  await tx.execute(sql`
    insert into heddle.inbox (event_id, consumer, status) values (${eventId}, ${consumer}, ${status})
    on conflict (event_id, consumer) do update set status = excluded.status, received_at = now()
  `);
}
