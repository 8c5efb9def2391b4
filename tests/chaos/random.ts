/** Numbers that follow from a seed: the same in every run. */
export interface Random {
  /** From 0 up to 1. */
  next(): number;
  /** A whole number from 0 up to `limit`, which is left out. */
  below(limit: number): number;
  /** One of a list, each as often as its weight says. */
  pick<T>(weighted: readonly (readonly [T, number])[]): T;
}

/** Creates the numbers of a seed (mulberry32 by Tommy Ettinger, in the public domain). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    below: (limit) => Math.floor(next() * limit),
    pick(weighted) {
      let rest = next() * weighted.reduce((sum, [, weight]) => sum + weight, 0);
      const chosen = weighted.find(([, weight]) => {
        rest -= weight;
        return rest < 0;
      });
      const [value] = chosen ?? weighted.at(-1) ?? [];
      if (value === undefined) throw new RangeError("nothing to pick from");
      return value;
    },
  };
}
