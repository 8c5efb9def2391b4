import type { Part, WakeUp } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";

/** One piece of work. Resolves with whether it did anything; what it throws is logged. */
export type Job = (signal: AbortSignal) => Promise<boolean>;

/** What a pump finds when it looks for work. */
export interface Found {
  readonly jobs: readonly Job[];
  /** Milliseconds until there may be more. */
  readonly nextMs: number;
}

/** What a pump needs. */
export interface PumpOptions {
  readonly name: string;
  readonly log: Logger;
  /** Jobs that run at once. */
  readonly concurrency: number;
  /** How long a stop waits for the jobs in hand before it aborts them, in milliseconds. */
  readonly stopTimeoutMs: number;
  /** Wakes the pump. */
  readonly wakeUp: WakeUp;
  /** Looks for at most `limit` jobs. */
  readonly find: (limit: number) => Promise<Found>;
}

/** Longest sleep, in milliseconds: what other replicas have left behind is found after that. */
export const longestSleepMs = 1_000;
/** Shortest sleep, in milliseconds. */
const shortestSleepMs = 20;
/** What aborted jobs get to let go, in milliseconds. */
const abortGraceMs = 1_000;

/** Makes a part that looks for work, runs it with bounded concurrency, and sleeps until more is due or it is woken. */
export function createPump(options: PumpOptions): Part {
  const { wakeUp, concurrency } = options;
  const running = new Set<Promise<void>>();
  let abort = new AbortController();
  let stopping = false;
  let loop: Promise<void> | undefined;

  function run(job: Job): void {
    const done = finish(job).then((findMore) => {
      const wasFull = running.size === concurrency;
      running.delete(done);
      if (findMore === "yes" || (wasFull && findMore === "no")) wakeUp.wake();
    });
    running.add(done);
  }

  /** After an error the pump does not look again before it would have anyway: the fault may be there for longer. */
  async function finish(job: Job): Promise<"yes" | "no" | "later"> {
    try {
      return (await job(abort.signal)) ? "yes" : "no";
    } catch (error) {
      options.log.error({ err: error }, `${options.name} failed, still trying`);
      return "later";
    }
  }

  async function findAndRun(): Promise<number> {
    const free = concurrency - running.size;
    if (free === 0) return longestSleepMs;
    try {
      const { jobs, nextMs } = await options.find(free);
      jobs.forEach(run);
      return nextMs;
    } catch (error) {
      options.log.error({ err: error }, `${options.name} could not look for work, still trying`);
      return longestSleepMs;
    }
  }

  async function work(): Promise<void> {
    while (!stopping) {
      const sleepMs = await findAndRun();
      if (!stopping) await wakeUp.wait(Math.min(Math.max(sleepMs, shortestSleepMs), longestSleepMs));
    }
  }

  return {
    name: options.name,
    async start() {
      stopping = false;
      abort = new AbortController();
      loop = work();
    },
    async stop() {
      stopping = true;
      wakeUp.wake();
      await loop;
      if (await settled(running, options.stopTimeoutMs)) return;
      abort.abort(new Error(`${options.name} stops`));
      if (!(await settled(running, abortGraceMs)))
        options.log.warn(`${options.name} leaves work behind, which will be repeated`);
    },
  };
}

/** Waits for promises that never reject; false when some are still running after `timeoutMs`. */
async function settled(running: ReadonlySet<Promise<void>>, timeoutMs: number): Promise<boolean> {
  let timeout: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timeout = setTimeout(resolve, timeoutMs, false);
  });
  const done = await Promise.race([Promise.all(running).then(() => true), late]);
  clearTimeout(timeout);
  return done;
}
