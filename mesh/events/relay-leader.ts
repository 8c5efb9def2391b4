import { type Database, type Lane, lockSpace } from "#mesh/db";

const relayLock = 2;

/** The right to publish a database's outbox. It lasts as long as one connection does. */
export interface Leadership {
  /** The connection that holds the right: whatever is read or marked through it, a successor has not touched. */
  readonly lane: Lane;
  /** Aborted when the connection is lost, and the right with it. */
  readonly lost: AbortSignal;
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
  let lane: Lane | undefined;

  function connect(): Lane {
    const controller = new AbortController();
    lost = controller;
    return database.dedicated({ purpose: "relay", onClose: () => controller.abort() });
  }

  async function stop(): Promise<void> {
    const closing = lane;
    lane = undefined;
    await closing?.close();
  }

  return {
    async tryLead() {
      if (lane?.alive === false) {
        await stop();
      }
      lane ??= connect();
      const parameters = [lockSpace, relayLock];
      const [row] = await lane.query("select pg_try_advisory_lock($1::int, $2::int) as leads", parameters);
      return row?.leads === true ? { lane, lost: lost.signal } : undefined;
    },
    stop,
  };
}
