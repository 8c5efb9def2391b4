/** What one kind of server or client reached, or the ratios of two of them. */
export interface Figures {
  /** Calls per second. */
  readonly callsPerSecond: number;
  /** Processor time of the server, or of the client, or of both, for one call, in microseconds. */
  readonly cpuMicrosPerCall: number;
}

const ROUNDS = 5;
const WARM_UP_MS = 2_000;
const ROUND_MS = 2_000;

/**
 * Measures each kind in every round, so that all see the same machine, and returns the medians over the rounds; the first
 * round only warms up.
 */
export async function inTurns<Kind extends string, Name extends string>(
  kinds: readonly Kind[],
  measureOne: (kind: Kind, durationMs: number) => Promise<Readonly<Record<Name, number>>>,
): Promise<Record<Kind, Record<Name, number>>> {
  const measured = new Map<Kind, Readonly<Record<Name, number>>[]>(kinds.map((kind) => [kind, []]));
  for (let turn = -1; turn < ROUNDS; turn++) {
    for (const kind of kinds) {
      const figures = await measureOne(kind, turn < 0 ? WARM_UP_MS : ROUND_MS);
      if (turn >= 0) measured.get(kind)?.push(figures);
    }
  }
  const entries = [...measured].map(([kind, rounds]) => [kind, medians(rounds)] as const);
  return Object.fromEntries(entries) as Record<Kind, Record<Name, number>>;
}

/** Ours against theirs; above 1 is better for ours. */
export function ratio(ours: Figures, theirs: Figures): Figures {
  return {
    callsPerSecond: round(ours.callsPerSecond / theirs.callsPerSecond, 2),
    cpuMicrosPerCall: round(theirs.cpuMicrosPerCall / ours.cpuMicrosPerCall, 2),
  };
}

/** To so many digits after the point. */
export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function medians<Name extends string>(rounds: readonly Readonly<Record<Name, number>>[]): Record<Name, number> {
  const names = Object.keys(rounds[0] ?? {}) as Name[];
  const entries = names.map((name) => {
    const sorted = rounds.map((figures) => figures[name]).sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
    return [name, round(median, median >= 1_000 ? 0 : 3)] as const;
  });
  return Object.fromEntries(entries) as Record<Name, number>;
}
