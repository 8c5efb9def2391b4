import type { IncomingMessage } from "./broker.ts";

/** Messages that were received and are not ended yet. */
export interface ActiveMessages {
  readonly size: number;
  /** Keeps a message until its work has ended. */
  add(message: IncomingMessage, work: Promise<void>): void;
  /** Waits until there is room for another one. */
  room(): Promise<void>;
  /** Waits until all have ended. */
  ended(): Promise<void>;
  /** Tells the broker that all of them are still being worked on, so that it does not send them again. */
  working(): void;
}

/** Creates an empty set with room for `limit` messages. */
export function createActiveMessages(limit: number): ActiveMessages {
  const active = new Map<IncomingMessage, Promise<void>>();
  return {
    get size() {
      return active.size;
    },
    add(message, work) {
      active.set(
        message,
        work.finally(() => active.delete(message)),
      );
    },
    async room() {
      while (active.size >= limit) {
        await Promise.race(active.values());
      }
    },
    async ended() {
      await Promise.all(active.values());
    },
    working() {
      for (const message of active.keys()) {
        message.working();
      }
    },
  };
}
