import { sql } from "drizzle-orm";
import { type Database, lockSpace, type Transaction } from "#mesh/db";

/** How many rows one call has deleted. */
export interface Pruned {
  readonly outbox: number;
  readonly inbox: number;
}

/** From when on rows are old. */
export interface Limits {
  /** Events that were published before have aged out of the stream. */
  readonly outbox: Date;
  /** Events that were received before cannot be delivered any more. */
  readonly inbox: Date;
}

/** Most rows that one transaction deletes. */
export const pruneBatch = 1_000;
const pruneLock = 3;

/**
 * Deletes what neither a repair nor a repetition can ask for any more: published rows of the outbox and events of the
 * inbox that are done. What was never published, is parked or is a dead letter stays, however old.
 *
 * Rows and not partitions. A partition can only be dropped when nothing of it is needed, and a single event that was
 * never published or is still a dead letter would keep all of its day. A partitioned outbox would have to give up that
 * an event id and an aggregate's version are unique, which two writers of one aggregate rely on. And the inbox would
 * have to be split by event id, which is the time of the announcement: an event that waited for days in its outbox
 * would be received into a partition that is about to go, and its repetition would have a second effect.
 */
export async function prune(database: Database, limits: Limits): Promise<Pruned> {
  return {
    outbox: await pruneOutbox(database, limits.outbox),
    inbox: await pruneInbox(database, limits.inbox),
  };
}

/** Walks from the oldest row on, since hardly any index would be worth its cost to every event. */
async function pruneOutbox(database: Database, limit: Date): Promise<number> {
  let deleted = 0;
  for (let last = "0", more = true; more; ) {
    const batch = await alone(database, (tx) =>
      tx.execute(sql`
        with batch as (
          select id, created_at from heddle.outbox where id > ${last} order by id limit ${pruneBatch}
        ), gone as (
          delete from heddle.outbox using batch
          where outbox.id = batch.id and outbox.published_at < ${limit.toISOString()}
          returning 1
        )
        select max(id) as last, (select count(*)::int from gone) as deleted,
          count(*) = ${pruneBatch} and max(created_at) < ${limit.toISOString()} as more
        from batch
      `),
    );
    const [row] = batch ?? [];
    deleted += Number(row?.deleted ?? 0);
    last = String(row?.last);
    more = row?.more === true;
  }
  return deleted;
}

/** An event is received after it was announced, so the primary key, which begins with that time, finds the old ones. */
async function pruneInbox(database: Database, limit: Date): Promise<number> {
  let deleted = 0;
  for (let more = true; more; ) {
    const batch = await alone(database, (tx) =>
      tx.execute(sql`
        delete from heddle.inbox where (event_id, consumer) in (
          select event_id, consumer from heddle.inbox
          where event_id < ${firstIdAt(limit)} and status = 'done' and received_at < ${limit.toISOString()}
          order by event_id, consumer limit ${pruneBatch}
        )
        returning 1
      `),
    );
    deleted += batch?.length ?? 0;
    more = batch?.length === pruneBatch;
  }
  return deleted;
}

/** Runs one batch, unless another replica is at it: then there is nothing left to do here. */
async function alone<T>(database: Database, batch: (tx: Transaction) => Promise<T>): Promise<T | undefined> {
  return await database.transaction(async (tx) => {
    const [row] = await tx.execute(sql`select pg_try_advisory_xact_lock(${lockSpace}::int, ${pruneLock}::int) as mine`);
    return row?.mine === true ? await batch(tx) : undefined;
  });
}

/** The lowest UUIDv7 of a moment. */
function firstIdAt(moment: Date): string {
  const time = moment.getTime().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}
