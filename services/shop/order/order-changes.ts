import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "#mesh/db";
import type { Logger } from "#mesh/telemetry";
import { findVersions } from "./repository.ts";

/** Tells when orders change, whichever replica changes them. */
export interface OrderChanges {
  /** Resolves when an order has a version above the given one. Rejects with the signal's reason when it aborts. */
  after(id: string, version: number, signal: AbortSignal): Promise<void>;
}

interface Watcher {
  readonly id: string;
  readonly version: number;
  readonly resolve: () => void;
}

/** How often changes are looked for while somebody waits, in milliseconds. */
const lookMs = 250;

/**
 * Creates what watches orders. One query looks for all that are watched, however many there are, and none while nobody
 * watches. Notifications of the database would be faster, but each would pass a lock that all commits share.
 */
export function createOrderChanges(orm: Database["orm"], log: Logger): OrderChanges {
  const watchers = new Set<Watcher>();
  let looking = false;

  async function look(): Promise<void> {
    looking = true;
    while (watchers.size > 0) {
      await tell().catch((error: unknown) => log.warn({ err: error }, "orders cannot be watched, still trying"));
      await sleep(lookMs);
    }
    looking = false;
  }

  async function tell(): Promise<void> {
    const versions = await findVersions(orm, [...new Set([...watchers].map(({ id }) => id))]);
    for (const { id, version, resolve } of watchers) if ((versions.get(id) ?? 0) > version) resolve();
  }

  return {
    async after(id, version, signal) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const watcher = { id, version, resolve };
      const leave = () => reject(signal.reason);
      signal.addEventListener("abort", leave);
      watchers.add(watcher);
      // It ends with its last watcher, and throws nothing.
      if (!looking) void look();
      try {
        await promise;
      } finally {
        watchers.delete(watcher);
        signal.removeEventListener("abort", leave);
      }
    },
  };
}
