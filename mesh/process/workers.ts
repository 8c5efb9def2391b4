import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import type { Logger } from "pino";
import type { Part } from "./part.ts";
import { StartError } from "./start-error.ts";

/** How copies of this process are kept. */
export interface WorkersOptions {
  /** How many, 2 or more. */
  readonly count: number;
  readonly log: Logger;
  /** Pause before a worker that has died is replaced, in milliseconds. Default 100 to 10 000, doubled each time. */
  readonly backoff?: { readonly firstMs: number; readonly longestMs: number };
  /** Age at which a worker counts as well again, in milliseconds. Default 10 000. */
  readonly wellAfterMs?: number;
}

/** Copies of this process. */
export interface Workers extends Part {
  /** Those that live, by their numbers. A worker that replaces another has a number of its own. */
  list(): readonly Worker[];
  /** How many have died and not been asked to. */
  readonly deaths: number;
  signal(signal: NodeJS.Signals): void;
}

const usualBackoff = { firstMs: 100, longestMs: 10_000 };

/** What a worker tells its keeper once it has started. */
export const STARTED = "heddle: started";

/**
 * Creates the keeper of N copies of this process, with the same program and arguments; `cluster.isPrimary` says who is
 * who, and each calls `run`. The first one starts alone, so that what is wrong is said once. A worker that dies is
 * replaced. start() throws a StartError when one ends before it has started; stop() ends all with SIGTERM and waits for
 * them.
 *
 * Workers listen on their common port by themselves (SO_REUSEPORT): the system spreads connections over them, and takes
 * back those of a worker that dies. (node:cluster, which deals connections out in turn, loses hold of one that is on its
 * way to a worker that dies: its client waits for ever.)
 */
export function createWorkers({ count, log, backoff = usualBackoff, wellAfterMs = 10_000 }: WorkersOptions): Workers {
  const alive = new Set<Worker>();
  const pauses = new Set<NodeJS.Timeout>();
  let stopping = false;
  let started = false;
  let failures = 0;
  let deaths = 0;

  function fork(): Promise<void> {
    const worker = cluster.fork();
    const bornAt = Date.now();
    alive.add(worker);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // What is sent to one that is just dying.
    worker.on("error", (error: Error) => log.debug({ worker: worker.id, err: error }, "a worker is not to be reached"));
    worker.on("message", (message) => message === STARTED && resolve());
    worker.once("exit", (code, signal) => {
      alive.delete(worker);
      reject(new StartError(`Worker ${worker.id} has ended (${signal ?? `code ${code}`}) before it had started.`));
      if (!stopping && started) replace(worker, { code, signal, livedMs: Date.now() - bornAt });
    });
    return promise;
  }

  function replace(worker: Worker, death: { code: number; signal: string; livedMs: number }): void {
    deaths++;
    failures = death.livedMs >= wellAfterMs ? 0 : failures + 1;
    const pauseMs = Math.min(backoff.firstMs * 2 ** Math.max(0, failures - 1), backoff.longestMs);
    log.error({ worker: worker.id, pid: worker.process.pid, ...death, pauseMs }, "a worker has died and is replaced");
    const pause = setTimeout(() => {
      pauses.delete(pause);
      // One that ends again is replaced again.
      fork().then(
        () => log.info("a worker was replaced"),
        () => undefined,
      );
    }, pauseMs);
    pauses.add(pause);
  }

  return {
    name: "workers",
    list: () => [...alive],
    get deaths() {
      return deaths;
    },
    async start() {
      stopping = false;
      await fork();
      await Promise.all(Array.from({ length: count - 1 }, fork));
      started = true;
      // One may have died while the others were starting.
      for (let missing = count - alive.size; missing > 0; missing--) void fork().catch(() => undefined);
      log.info({ workers: [...alive].map(({ process }) => process.pid) }, "all workers have started");
    },
    async stop() {
      stopping = true;
      started = false;
      for (const pause of pauses) clearTimeout(pause);
      pauses.clear();
      const ended = [...alive].map((worker) => once(worker, "exit"));
      // Not Worker.kill(), which takes the connection away that a worker still has to this process.
      for (const worker of alive) worker.process.kill("SIGTERM");
      await Promise.all(ended);
    },
    signal(signal) {
      for (const worker of alive) worker.process.kill(signal);
    },
  };
}
