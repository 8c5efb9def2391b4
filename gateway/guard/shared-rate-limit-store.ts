import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { driverError } from "#mesh/db";
import type { Logger } from "#mesh/telemetry";
import { type Allowance, type Verdict, verdictOf } from "./allowance.ts";
import type { RateLimitStore } from "./rate-limit-store.ts";
import { within } from "./within.ts";

/** How long the database may take for one call, and how long it is left alone after it failed, in milliseconds. */
const patienceMs = 500;
const restMs = 1_000;

/**
 * Remembers in Postgres, so that several gateways count together; by its clock, so that theirs need not agree. While it
 * is away or slow each gateway counts for itself, and says so in its log.
 */
export function sharedRateLimitStore(options: {
  readonly orm: PostgresJsDatabase;
  /** Counts while the database is away. */
  readonly local: RateLimitStore;
  readonly log: Logger;
}): RateLimitStore {
  const { orm, local, log } = options;
  let restsUntilMs = 0;
  let away = false;
  return {
    async take(key, allowance) {
      if (performance.now() < restsUntilMs) return local.take(key, allowance);
      try {
        const verdict = await within(patienceMs, takeShared(orm, key, allowance));
        if (away) log.info("rate limits are shared again");
        away = false;
        return verdict;
      } catch (error) {
        restsUntilMs = performance.now() + restMs;
        if (!away) log.warn({ err: driverError(error) }, "rate limits are not shared: each gateway counts for itself");
        away = true;
        return local.take(key, allowance);
      }
    },
  };
}

/** Forgets everybody whose calls are all at hand again. */
export async function sweepRateLimits(orm: PostgresJsDatabase): Promise<void> {
  await orm.execute(sql`delete from rate_limit where restored_at_ms < ${nowMs}`);
}

/** One time for the whole statement, in milliseconds since the epoch. */
const nowMs = sql`(extract(epoch from statement_timestamp())::float8 * 1000)`;

interface Row extends Record<string, unknown> {
  readonly now: number;
  readonly taken: number | null;
  readonly known: number | null;
}

/** The rule of takeOne() as one statement: the row is moved on where the burst reaches that far. */
async function takeShared(orm: PostgresJsDatabase, name: string, allowance: Allowance): Promise<Verdict> {
  const { intervalMs, burst } = allowance;
  const key = createHash("sha256").update(name).digest();
  const moved = sql`(greatest(limited.restored_at_ms, ${nowMs}) + ${intervalMs}::float8)`;
  const [row] = await orm.execute<Row>(sql`
    with taken as (
      insert into rate_limit as limited (key, restored_at_ms) values (${key}, ${nowMs} + ${intervalMs}::float8)
      on conflict (key) do update set restored_at_ms = ${moved}
      where ${moved} - ${nowMs} <= ${burst * intervalMs + roundingMs}::float8
      returning restored_at_ms
    )
    select ${nowMs} as now, (select restored_at_ms from taken) as taken,
      (select restored_at_ms from rate_limit where key = ${key}) as known`);
  if (row === undefined) throw new TypeError("no row");
  // A row that another gateway has made meanwhile is not seen yet; the call was refused, so the burst is used up.
  const restoredAtMs = row.taken ?? row.known ?? row.now + burst * intervalMs;
  return verdictOf(restoredAtMs, row.now, { allowance, allowed: row.taken !== null });
}

/** Sums of milliseconds since the epoch may be off by this much. */
const roundingMs = 1e-2;
