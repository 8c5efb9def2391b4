import type { Element, Faults } from "./faults.ts";

/** Bounds of a declared number. */
export interface NumberBounds {
  readonly option: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** The lower bound itself is out of range. Default false. */
  readonly overMin?: boolean;
  /** The upper bound itself is out of range. Default false. */
  readonly underMax?: boolean;
}

/** Returns a declared number, or its default when it is left out or faulty. */
export function readNumber(value: number | undefined, element: Element, bounds: NumberBounds, faults: Faults): number {
  if (value === undefined) return bounds.default;
  const { min, max, overMin = false, underMax = false } = bounds;
  const low = overMin ? value > min : value >= min;
  const high = underMax ? value < max : value <= max;
  if (low && high) return value;
  const range = `${overMin ? "over " : ""}${min} to ${underMax ? "under " : ""}${max}`;
  faults.add(element, `${bounds.option} of ${value} is out of range`, `choose ${range}`);
  return bounds.default;
}
