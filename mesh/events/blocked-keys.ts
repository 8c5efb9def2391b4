import { retryDelayMs } from "./retry-delay.ts";

/** Keys whose next event the broker refuses. Each is tried again after a growing while; others are not held up. */
export interface BlockedKeys {
  /** Keys that are not to be tried now. */
  current(): string[];
  /** Blocks a key after a failure and returns for how long, in milliseconds. */
  block(key: string): number;
  /** Forgets a key whose event went through. */
  clear(key: string): void;
}

/** Creates an empty set of blocked keys. */
export function createBlockedKeys(): BlockedKeys {
  const blocked = new Map<string, { until: number; failures: number }>();
  return {
    current: () => [...blocked].filter(([, { until }]) => until > Date.now()).map(([key]) => key),
    block(key) {
      const failures = (blocked.get(key)?.failures ?? 0) + 1;
      const delayMs = retryDelayMs(failures);
      blocked.set(key, { until: Date.now() + delayMs, failures });
      return delayMs;
    },
    clear: (key) => blocked.delete(key),
  };
}
