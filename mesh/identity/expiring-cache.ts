interface Entry<T> {
  readonly value: T;
  readonly expiresAtMs: number;
}

/** Remembers values until they expire. */
export interface ExpiringCache<T> {
  get(key: string): T | undefined;
  /** `expiresAtMs` is in milliseconds since the epoch. */
  set(key: string, value: T, expiresAtMs: number): void;
}

/** Creates a cache that holds at most `capacity` entries and then forgets the oldest. */
export function createExpiringCache<T>(capacity: number): ExpiringCache<T> {
  const entries = new Map<string, Entry<T>>();
  return {
    get(key) {
      const entry = entries.get(key);
      if (!entry) return undefined;
      if (entry.expiresAtMs > Date.now()) return entry.value;
      entries.delete(key);
      return undefined;
    },
    set(key, value, expiresAtMs) {
      // A Map iterates in order of insertion, so the first key is the oldest.
      const oldest = entries.size >= capacity ? entries.keys().next().value : undefined;
      if (oldest !== undefined) entries.delete(oldest);
      entries.set(key, { value, expiresAtMs });
    },
  };
}
