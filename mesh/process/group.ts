import type { Part } from "./part.ts";

/**
 * Makes one part of several: starts them in order and stops them in reverse.
 * A start that fails stops what had started before, then throws its error.
 * A stop that arrives during the start stops the part that is starting too, and starts no further ones.
 * A stop that fails does not keep the others from stopping: all errors are thrown together at the end.
 */
export function group(name: string, parts: readonly Part[]): Part {
  const touched: Part[] = [];
  let stopWanted = false;

  async function start(): Promise<void> {
    stopWanted = false;
    for (const part of parts) {
      if (stopWanted) return;
      touched.push(part);
      try {
        await part.start();
      } catch (error) {
        await stop().catch((stopError: unknown) => {
          throw new AggregateError([error, stopError], `${name}: ${part.name} did not start`, { cause: error });
        });
        throw error;
      }
      // A part that came up although it had been asked to stop meanwhile.
      if (stopWanted) await part.stop();
    }
  }

  async function stop(): Promise<void> {
    stopWanted = true;
    const faults: unknown[] = [];
    for (let part = touched.pop(); part; part = touched.pop()) {
      await part.stop().catch((error: unknown) => faults.push(error));
    }
    if (faults.length === 1) throw faults[0];
    if (faults.length > 1) throw new AggregateError(faults, `${name}: ${faults.length} parts did not stop cleanly`);
  }

  return { name, start, stop };
}
