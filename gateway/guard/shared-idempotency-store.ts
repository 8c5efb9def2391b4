import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { driverError } from "#mesh/db";
import type { Claim, IdempotencyStore } from "./idempotency-store.ts";
import { openAnswer, sealAnswer } from "./sealed-answer.ts";
import { within } from "./within.ts";

/** How long the database may take, in milliseconds. */
const patienceMs = 2_000;

interface Row extends Record<string, unknown> {
  readonly first: boolean;
  readonly same: boolean | null;
  readonly running: boolean | null;
  readonly answer: Uint8Array | null;
}

/**
 * Remembers in Postgres, for several gateways, and for one that is started again. Answers are sealed with a key that is
 * made from the client's, of which the database has only a hash.
 */
export function sharedIdempotencyStore(orm: PostgresJsDatabase): IdempotencyStore {
  const ask = <T>(work: Promise<T>) =>
    within(patienceMs, work).catch((error: unknown) => {
      throw driverError(error);
    });

  async function claim(key: string, fingerprint: Buffer, leaseMs: number, lifeMs: number): Promise<Claim> {
    const name = nameOf(key);
    const [row] = await orm.execute<Row>(sql`
      with first as (
        insert into idempotency_key as known (key, fingerprint, lease_until, expires_at)
        values (${name}, ${fingerprint}, now() + ${leaseMs}::float8 * interval '1 ms', now() + ${lifeMs}::float8 * interval '1 ms')
        on conflict (key) do update
        set fingerprint = excluded.fingerprint, lease_until = excluded.lease_until, expires_at = excluded.expires_at,
          answer = null
        where known.expires_at <= now()
        returning key
      )
      select exists (select from first) as first, known.fingerprint = ${fingerprint} as same,
        known.lease_until > now() as running, known.answer
      from (values (1)) as one left join idempotency_key as known on known.key = ${name}`);
    if (row?.first) return { state: "first" };
    // A row that another gateway has made in this moment is not seen yet.
    if (row === undefined || row.same === null) return { state: "running" };
    if (!row.same) return { state: "other" };
    if (row.answer) return { state: "answered", answer: openAnswer(key, row.answer) };
    return { state: row.running ? "running" : "interrupted" };
  }

  return {
    claim: (key, fingerprint, { leaseMs, lifeMs }) => ask(claim(key, fingerprint, leaseMs, lifeMs)),
    async keep(key, answer) {
      const sealed = sealAnswer(key, answer);
      const keep = sql`update idempotency_key set answer = ${sealed} where key = ${nameOf(key)} and answer is null`;
      await ask(orm.execute(keep));
    },
    async release(key) {
      await ask(orm.execute(sql`delete from idempotency_key where key = ${nameOf(key)}`));
    },
  };
}

/** Forgets what has expired. */
export async function sweepIdempotencyKeys(orm: PostgresJsDatabase): Promise<void> {
  await orm.execute(sql`delete from idempotency_key where expires_at <= now()`);
}

function nameOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
