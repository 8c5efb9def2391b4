/** When a key takes part. */
export interface KeyTimes {
  /** From when the key signs, until a newer one does. */
  readonly activeTime: Date;
}

/** The rhythm of the signing keys. All durations are milliseconds. */
export interface KeySchedule {
  /** How long a key signs. */
  readonly rotateAfterMs: number;
  /** How long before it signs a key is made and published, so that every replica and verifier knows it in time. */
  readonly announceAheadMs: number;
  /** How long after its last signature a key stays published: the life of a token and some clock skew. */
  readonly keepMs: number;
}

/** The key that signs: the newest active one. Undefined before there is any. */
export function chooseSigningKey<K extends KeyTimes>(keys: readonly K[], now: Date): K | undefined {
  return newestFirst(keys).find((key) => key.activeTime <= now);
}

/**
 * When the next key should start to sign, or undefined when it is not yet time to make it.
 * Without a key that signs or is about to, that is now.
 */
export function planNextKey(keys: readonly KeyTimes[], schedule: KeySchedule, now: Date): Date | undefined {
  const newest = newestFirst(keys)[0];
  if (newest === undefined) {
    return now;
  }
  const due = newest.activeTime.getTime() + schedule.rotateAfterMs;
  const earliest = now.getTime() + schedule.announceAheadMs;
  return due <= earliest ? new Date(earliest) : undefined;
}

/** The keys that may have signed a token that is still valid, and those that will sign soon; the signing key first. */
export function choosePublishedKeys<K extends KeyTimes>(
  keys: readonly K[],
  schedule: KeySchedule,
  now: Date,
): readonly K[] {
  const signing = chooseSigningKey(keys, now);
  const published = newestFirst(keys).filter((_, index, sorted) => {
    const replaced = sorted[index - 1]?.activeTime;
    return replaced === undefined || replaced.getTime() + schedule.keepMs > now.getTime();
  });
  return published.sort((a, b) => Number(b === signing) - Number(a === signing));
}

function newestFirst<K extends KeyTimes>(keys: readonly K[]): K[] {
  return [...keys].sort((a, b) => b.activeTime.getTime() - a.activeTime.getTime());
}
