import { percentile } from "../checkout/percentile.ts";

/** The middle one of some values. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}
