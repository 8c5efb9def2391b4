import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { Element, Faults } from "./faults.ts";

/** Bounds of a declared duration, in milliseconds. */
export interface DurationBounds {
  readonly option: string;
  readonly defaultMs: number;
  readonly maxMs: number;
}

/** Returns a declared duration in milliseconds, or its default when it is left out or faulty. */
export function readDuration(
  duration: Duration | undefined,
  element: Element,
  bounds: DurationBounds,
  faults: Faults,
): number {
  if (!duration) return bounds.defaultMs;
  const ms = durationMs(duration);
  if (ms >= 1 && ms <= bounds.maxMs) return ms;
  faults.add(element, `${bounds.option} of ${ms} ms is out of range`, `choose 1 to ${bounds.maxMs} ms`);
  return bounds.defaultMs;
}
