import type { Part } from "#mesh/process";
import { createWakeUp } from "#mesh/process";
import type { Engine } from "./engine.ts";
import { pruneMoves } from "./prune-moves.ts";

/** How often old moves are looked for, in milliseconds. */
const pauseMs = 86_400_000;
/** For as long as the inbox remembers: two lives of a stream and a day. In milliseconds. */
const defaultHistoryMs = 15 * 86_400_000;

/** Makes the part that forgets the moves of instances which ended long ago. */
export function createMovePruner(engine: Engine): Part {
  const { contract, database, log, historyMs: keepMs = defaultHistoryMs } = engine;
  const wakeUp = createWakeUp();
  const final = [...engine.finalStates];
  let stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  async function pruneOnce(signal: AbortSignal): Promise<void> {
    try {
      const moves = await pruneMoves(database, { final, keepMs, signal });
      if (moves > 0) log.info({ moves, keepMs }, "deleted the moves of sagas that ended long ago");
    } catch (error) {
      log.warn({ err: error }, "cannot delete old moves, trying again later");
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pruneOnce(signal);
      if (!signal.aborted) await wakeUp.wait(pauseMs);
    }
  }

  return {
    name: `history of ${contract.name}`,
    async start() {
      stopping = new AbortController();
      running = run(stopping.signal);
    },
    async stop() {
      stopping.abort();
      wakeUp.wake();
      await running;
    },
  };
}
