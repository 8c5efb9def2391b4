import { setTimeout as sleep } from "node:timers/promises";

/** How long `eventually` goes on. */
export interface EventuallyOptions {
  /** Longest wait in milliseconds. Default 10 000. */
  timeoutMs?: number;
  /** Pause between attempts in milliseconds. Default 10. */
  intervalMs?: number;
}

/** Calls a function until it stops throwing, and returns what it returned. After the longest wait throws its error. */
export async function eventually<T>(attempt: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { timeoutMs = 10_000, intervalMs = 10 } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(intervalMs);
  }
}
