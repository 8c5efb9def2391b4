import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { Element, Faults } from "./faults.ts";

/** Bounds of a declared duration, in milliseconds. */
export interface DurationBounds {
  readonly option: string;
  readonly defaultMs: number;
  /** Default 1. */
  readonly minMs?: number;
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
  const minMs = bounds.minMs ?? 1;
  if (ms >= minMs && ms <= bounds.maxMs) return ms;
  faults.add(element, `${bounds.option} of ${ms} ms is out of range`, `choose ${minMs} to ${bounds.maxMs} ms`);
  return bounds.defaultMs;
}
