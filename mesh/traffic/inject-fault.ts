import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code } from "#gen/google/rpc/code_pb.ts";
import type { TrafficRules } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import type { CallFault } from "#mesh/resilience";
import { matches, type TrafficCall } from "./match.ts";

/** Whether this process lets faults be put into its calls, and how chance is drawn. */
export interface FaultOptions {
  readonly allowed: boolean;
  /** Draws evenly from 0 to under 1. */
  readonly random: () => number;
}

/** Decides which fault a call has; undefined for none. Where faults are not allowed, none ever has. */
export function injectFault(
  { faults }: TrafficRules,
  call: TrafficCall,
  { allowed, random }: FaultOptions,
): CallFault | undefined {
  if (!allowed) return undefined;
  const fault = faults.find(({ match }) => matches(match, call));
  if (!fault || random() * 100 >= fault.percentage) return undefined;
  const delayMs = fault.delay ? durationMs(fault.delay) : 0;
  return { delayMs, abort: fault.abort === Code.OK ? undefined : fault.abort };
}
