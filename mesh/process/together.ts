import type { Part } from "./part.ts";

/**
 * Makes one part of several that do not depend on each other: starts and stops them all at once.
 * A start that fails stops the others, then throws its error; errors of stopping are thrown together.
 */
export function together(name: string, parts: readonly Part[]): Part {
  return {
    name,
    async start() {
      const started = await Promise.allSettled(parts.map((part) => part.start()));
      const failed = started.find((result) => result.status === "rejected");
      if (!failed) return;
      await Promise.allSettled(parts.map((part) => part.stop()));
      throw failed.reason;
    },
    async stop() {
      const stopped = await Promise.allSettled(parts.map((part) => part.stop()));
      const faults = stopped.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
      if (faults.length > 0) throw new AggregateError(faults, `${name}: ${faults.length} parts did not stop cleanly`);
    },
  };
}
