import { sql } from "drizzle-orm";
import type { Transaction } from "#mesh/db";
import type { DeadLetter } from "./dead-letter.ts";
import type { Delivery } from "./delivery.ts";
import { streamOf } from "./stream-names.ts";

/** Whose events wait for one another behind a dead letter. */
interface Lane {
  readonly consumer: string;
  readonly stream: string;
  readonly key: string;
}

/**
 * Keeps an event aside that the inbox says is blocked: when an earlier one of its producer and key is a dead
 * letter, or waits behind one. Returns false when that is over by now.
 *
 * An event that is being handled at the moment in which another one of its key becomes a dead letter is not held up:
 * it might as well have come earlier.
 */
export async function parkBehindDeadLetter(tx: Transaction, consumer: string, delivery: Delivery): Promise<boolean> {
  const lane = { consumer, stream: streamOf(delivery), key: delivery.key };
  const blocking = await lockBlocking(tx, lane);
  if (blocking === undefined) {
    return false;
  }
  const { eventId, key, type, subject, headers, payload } = delivery;
  await tx.execute(sql`
    insert into heddle.parked (
      event_id, consumer, key, type, subject, headers, payload, stream, blocked_by, due_at
    ) values (
      ${eventId}, ${consumer}, ${key}, ${type}, ${subject}, ${JSON.stringify(headers)}::jsonb,
      ${Buffer.from(payload)}, ${lane.stream}, ${blocking.letter}, ${blocking.released ? sql`now()` : sql`'infinity'`}
    )
  `);
  return true;
}

/** Lets everything that waits behind a letter wait for it, whatever it waited for before: it is dead (again). */
export async function blockTail(tx: Transaction, letter: DeadLetter, id: string): Promise<void> {
  const { consumer, stream, delivery } = letter;
  await tx.execute(sql`
    update heddle.parked set blocked_by = ${id}, due_at = 'infinity'
    where ${isLane({ consumer, stream, key: delivery.key })} and blocked_by is not null
  `);
}

/** Makes what waits behind a letter due, one after another, unless another letter of the same key is still open. */
export async function releaseTail(tx: Transaction, id: number): Promise<void> {
  await tx.execute(sql`
    with other as (
      select min(another.id) as id
      from heddle.dead_letter as ended join heddle.dead_letter as another using (consumer, stream, key)
      where ended.id = ${id} and another.id <> ended.id and another.state = 'open'
    )
    update heddle.parked set
      blocked_by = coalesce(other.id, blocked_by),
      due_at = case when other.id is null then now() else 'infinity' end
    from other where blocked_by = ${id}
  `);
}

/**
 * What holds an event up, locked until it is parked: a replay takes the same locks, so it either sees the parked event
 * and releases it, or is over before. Letters are locked before parked events, by replays too.
 */
async function lockBlocking(tx: Transaction, lane: Lane): Promise<{ letter: string; released: boolean } | undefined> {
  const [letter] = await tx.execute(sql`
    select id from heddle.dead_letter where ${isLane(lane)} and state = 'open' order by id limit 1 for share
  `);
  if (letter !== undefined) {
    return { letter: String(letter.id), released: false };
  }
  const [last] = await tx.execute(sql`
    select blocked_by from heddle.parked where ${isLane(lane)} and blocked_by is not null
    order by id desc limit 1 for share
  `);
  return last && { letter: String(last.blocked_by), released: true };
}

function isLane({ consumer, stream, key }: Lane) {
  return sql`consumer = ${consumer} and stream = ${stream} and key = ${key}`;
}
