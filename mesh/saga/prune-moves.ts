import { sql } from "drizzle-orm";
import { type Database, lockSpace } from "#mesh/db";
import { move, participant } from "./schema.ts";

/** Which moves are pruned. */
export interface PruneLimits {
  /** States that end an instance. */
  readonly final: readonly string[];
  /** How long an instance's moves are kept after its last one, in milliseconds. */
  readonly keepMs: number;
  /** Ends the work after the batch in hand. */
  readonly signal: AbortSignal;
}

/** Pages of 8 KiB that one transaction looks through: some 15 000 moves. */
const pagesPerBatch = 500;
const pruneMovesLock = 4;

/**
 * Deletes the moves of instances that came to their end long ago, and says how many. Those of an open one stay, however
 * old. One replica at a time is at it: the others delete none.
 *
 * Looks through the table in the order in which it lies on disk: once a day that costs less than an index by time,
 * which every step would have to feed.
 */
export async function pruneMoves(database: Database, limits: PruneLimits): Promise<number> {
  const [size] = await database.orm.execute(
    sql`select pg_relation_size('heddle.move') / current_setting('block_size')::int as pages`,
  );
  let deleted = 0;
  for (let page = 0; page < Number(size?.pages ?? 0) && !limits.signal.aborted; page += pagesPerBatch) {
    deleted += await prunePages(database, page, limits);
  }
  return deleted;
}

async function prunePages(database: Database, from: number, { final, keepMs }: PruneLimits): Promise<number> {
  const [first, end] = [`(${from},0)`, `(${from + pagesPerBatch},0)`];
  return await database.transaction(async (tx) => {
    const [lock] = await tx.execute(
      sql`select pg_try_advisory_xact_lock(${lockSpace}::int, ${pruneMovesLock}::int) as mine`,
    );
    if (lock?.mine !== true) return 0;
    const gone = await tx.execute(sql`
      delete from ${move} old using ${participant} owner
      where old.ctid >= ${first}::tid and old.ctid < ${end}::tid
        and owner.saga = old.saga and owner.key = old.key and owner.state = any(${sql.param(final)}::text[])
        and owner.updated_at < now() - ${keepMs} * interval '1 millisecond'
      returning 1`);
    return gone.length;
  });
}
