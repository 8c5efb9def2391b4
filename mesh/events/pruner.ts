import type { Database } from "#mesh/db";
import type { Part } from "#mesh/process";
import { createWakeUp } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { prune } from "./prune.ts";

/** What the pruner needs. */
export interface PrunerOptions {
  readonly database: Database;
  /** How long streams keep their events, in milliseconds. */
  readonly maxAgeMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
}

/** How often old rows are looked for, in milliseconds. */
const pauseMs = 3_600_000;
/** How much longer than needed rows are kept: clocks differ. In milliseconds. */
const marginMs = 86_400_000;
/**
 * For how many lives of a stream the inbox remembers. An event may be published again as long as the stream should
 * hold it, and then stays for as long once more.
 */
const streamLives = 2;

/** Creates the part that keeps outbox and inbox small; of several replicas one at a time is at it. */
export function createPruner({ database, maxAgeMs, now, log }: PrunerOptions): Part {
  const wakeUp = createWakeUp();
  let stopping = false;
  let running: Promise<void> = Promise.resolve();

  async function pruneOnce(): Promise<void> {
    const limits = {
      outbox: new Date(now() - maxAgeMs - marginMs),
      inbox: new Date(now() - streamLives * maxAgeMs - marginMs),
    };
    try {
      const pruned = await prune(database, limits);
      if (pruned.outbox + pruned.inbox > 0) {
        log.info({ ...pruned, ...limits }, "deleted old events");
      }
    } catch (error) {
      log.warn({ err: error }, "cannot delete old events, trying again later");
    }
  }

  async function run(): Promise<void> {
    while (!stopping) {
      await pruneOnce();
      if (!stopping) {
        await wakeUp.wait(pauseMs);
      }
    }
  }

  return {
    name: "pruner",
    async start() {
      running = run();
    },
    async stop() {
      stopping = true;
      wakeUp.wake();
      await running;
    },
  };
}
