import type { TrafficRules } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { matches, type TrafficCall } from "./match.ts";

/** Decides to which version a copy of a call goes; undefined for none. */
export function mirrorCall({ mirrors }: TrafficRules, call: TrafficCall, random: () => number): string | undefined {
  const mirror = mirrors.find(({ match }) => matches(match, call));
  return mirror && random() * 100 < mirror.percentage ? mirror.version : undefined;
}
