import type postgres from "postgres";
import { type Database, lockSpace } from "#mesh/db";

const relayLock = 2;

/** The right to publish a database's outbox. It lasts as long as one connection does. */
export interface Leadership {
  /** The connection that holds the right: whatever is read or marked through it, a successor has not touched. */
  readonly sql: postgres.Sql;
  /** Aborted when the connection is lost, and the right with it. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** A replica that wants to lead: it tries on one connection, again and again. */
export interface Candidate {
  /** Returns the leadership, or undefined while another replica has it. Throws when the database is away. */
  tryLead(): Promise<Leadership | undefined>;
  stop(): Promise<void>;
}

/** Creates a candidate for the leadership over a database's outbox. */
export function createCandidate(database: Database): Candidate {
  let lost = new AbortController();
  let sql: postgres.Sql | undefined;

  function connect(): postgres.Sql {
    const controller = new AbortController();
    lost = controller;
    return database.dedicated({ purpose: "relay", onClose: () => controller.abort() });
  }

  async function stop(): Promise<void> {
    const ending = sql;
    sql = undefined;
    await ending?.end({ timeout: 1 });
  }

  return {
    async tryLead() {
      // The driver reconnects without a word, and the new session holds no lock: a closed one is never used again.
      if (lost.signal.aborted) {
        await stop();
      }
      sql ??= connect();
      const [row] = await sql`select pg_try_advisory_lock(${lockSpace}::int, ${relayLock}::int) as leads`;
      return row?.leads === true ? { sql, lost: lost.signal, release: stop } : undefined;
    },
    stop,
  };
}
