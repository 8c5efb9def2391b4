import { type Database, type Lane, lockSpace } from "#mesh/db";

const relayLock = 2;
/**
 * How long a leader may give no sign of life, in milliseconds: one whose process stands still, or whose machine is cut
 * off, would else hold the right for as long as its connection seems to stand.
 */
const longestSilenceMs = 10_000;
/** How often a leader that has nothing to do gives one, in milliseconds. */
const signOfLifeMs = longestSilenceMs / 4;

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
    const onClose = () => controller.abort();
    const connected = database.dedicated({ purpose: "relay", longestSilenceMs, onClose });
    const signs = setInterval(() => void connected.query("select 1").catch(() => undefined), signOfLifeMs);
    controller.signal.addEventListener("abort", () => clearInterval(signs));
    return connected;
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
