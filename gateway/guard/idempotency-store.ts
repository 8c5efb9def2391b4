/** An answer as it is kept: without what belongs to one exchange, such as its request id. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

/** What became of an attempt to be the first with a key. */
export type Claim =
  /** This request is the first. */
  | { readonly state: "first" }
  /** The first is under way. */
  | { readonly state: "running" }
  /** The first has ended without an answer that anybody knows. */
  | { readonly state: "interrupted" }
  /** The first was another request. */
  | { readonly state: "other" }
  | { readonly state: "answered"; readonly answer: KeptAnswer };

/** How long a request may be under way, and how long its answer is kept, in milliseconds. */
export interface ClaimTimes {
  readonly leaseMs: number;
  readonly lifeMs: number;
}

/** Remembers requests by their keys. What it throws means that nothing is known of a key. */
export interface IdempotencyStore {
  /** Tries to be the first with a key. `fingerprint` stands for the request's content. */
  claim(key: string, fingerprint: Buffer, times: ClaimTimes): Promise<Claim>;
  /** Keeps the answer of the first. */
  keep(key: string, answer: KeptAnswer): Promise<void>;
  /** Forgets a key: its request has had no effect. */
  release(key: string): Promise<void>;
}

interface Entry {
  readonly fingerprint: Buffer;
  readonly leaseUntilMs: number;
  readonly expiresAtMs: number;
  answer?: KeptAnswer;
}

/** Most bytes of answers that are kept in memory; then those that were kept first are forgotten. */
const defaultCapacityBytes = 64 * 1024 * 1024;
/** What an entry takes besides its body. */
const entryBytes = 1024;

/** Remembers in this process only. `now` is in milliseconds. */
export function memoryIdempotencyStore(now: () => number, capacityBytes = defaultCapacityBytes): IdempotencyStore {
  const entries = new Map<string, Entry>();
  let bytes = 0;

  function forget(key: string): void {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    bytes -= sizeOf(entry);
  }

  /** A Map iterates in order of insertion, so the oldest come first. */
  function forgetOldest(): void {
    for (const [key, { expiresAtMs, answer }] of entries) {
      if (expiresAtMs > now() && bytes <= capacityBytes) return;
      // One that is under way must stay: a second one would run beside it.
      if (expiresAtMs <= now() || answer) forget(key);
    }
  }

  return {
    async claim(key, fingerprint, { leaseMs, lifeMs }) {
      forgetOldest();
      const known = entries.get(key);
      if (known && known.expiresAtMs > now()) return claimOf(known, fingerprint, now());
      forget(key);
      entries.set(key, { fingerprint, leaseUntilMs: now() + leaseMs, expiresAtMs: now() + lifeMs });
      bytes += entryBytes;
      return { state: "first" };
    },
    async keep(key, answer) {
      const entry = entries.get(key);
      if (entry === undefined || entry.answer) return;
      entry.answer = answer;
      bytes += answer.body?.length ?? 0;
      forgetOldest();
    },
    async release(key) {
      forget(key);
    },
  };
}

function claimOf({ fingerprint, leaseUntilMs, answer }: Entry, asked: Buffer, nowMs: number): Claim {
  if (!fingerprint.equals(asked)) return { state: "other" };
  if (answer) return { state: "answered", answer };
  return { state: leaseUntilMs > nowMs ? "running" : "interrupted" };
}

function sizeOf({ answer }: Entry): number {
  return entryBytes + (answer?.body?.length ?? 0);
}
