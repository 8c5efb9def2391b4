import type { Lane } from "./lane.ts";

/** Gives work a lane of its own for as long as it takes. */
export type UseLane = <T>(work: (lane: Lane) => Promise<T>) => Promise<T>;

/** A number of lanes, opened when they are needed. */
export interface LanePool {
  use: UseLane;
  /** Lets running work end, for at most `waitMs` milliseconds, and closes all lanes. */
  end(waitMs: number): Promise<void>;
}

/** A lane that is older than this is replaced: its server process grows with what it has prepared. */
const longestLifeMs = 60 * 60 * 1_000;

/** Creates a pool of at most `max` lanes. */
export function createLanePool(open: () => Lane, max: number): LanePool {
  const lanes = new Set<Lane>();
  const idle: Lane[] = [];
  const waiting: PromiseWithResolvers<Lane>[] = [];
  let ended = false;
  let drained: (() => void) | undefined;

  function openNew(): Lane {
    const lane = open();
    lanes.add(lane);
    return lane;
  }

  async function discard(lane: Lane): Promise<void> {
    lanes.delete(lane);
    await lane.close();
  }

  async function take(): Promise<Lane> {
    if (ended) {
      throw endedError();
    }
    for (let lane = idle.pop(); lane !== undefined; lane = idle.pop()) {
      if (isUsable(lane)) {
        return lane;
      }
      void discard(lane);
    }
    if (lanes.size < max) {
      return openNew();
    }
    const turn = Promise.withResolvers<Lane>();
    waiting.push(turn);
    return await turn.promise;
  }

  function giveBack(lane: Lane): void {
    const usable = isUsable(lane) && !ended;
    if (!usable) {
      void discard(lane);
    }
    const next = waiting.shift();
    if (next !== undefined) {
      next.resolve(usable ? lane : openNew());
    } else if (usable) {
      idle.push(lane);
    }
    if (ended && lanes.size === 0) {
      drained?.();
    }
  }

  return {
    async use(work) {
      const lane = await take();
      try {
        return await work(lane);
      } finally {
        giveBack(lane);
      }
    },
    async end(waitMs) {
      ended = true;
      for (const turn of waiting.splice(0)) {
        turn.reject(endedError());
      }
      await Promise.all(idle.splice(0).map(discard));
      if (lanes.size > 0) {
        const all = Promise.withResolvers<void>();
        drained = all.resolve;
        const timer = setTimeout(all.resolve, waitMs);
        await all.promise;
        clearTimeout(timer);
      }
      await Promise.all([...lanes].map((lane) => lane.close(0)));
    },
  };
}

function isUsable(lane: Lane): boolean {
  return lane.alive && Date.now() - lane.since < longestLifeMs;
}

function endedError(): Error {
  return Object.assign(new Error("the database has been stopped"), { code: "CONNECTION_ENDED" });
}
