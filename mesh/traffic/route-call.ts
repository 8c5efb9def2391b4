import { type Route, Sticky, type TrafficRules } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { hashText } from "#mesh/balance";
import type { RouteExplanation } from "#mesh/resilience";
import { matches, type TrafficCall } from "./match.ts";

/**
 * Decides to which version a call goes, and says why; undefined for any. A user who is kept with one version stays there
 * as long as the shares and their order do; when the last share grows, nobody leaves it.
 */
export function routeCall(rules: TrafficRules, call: TrafficCall, random: () => number): RouteExplanation | undefined {
  const index = rules.routes.findIndex(({ match }) => matches(match, call));
  const route = rules.routes[index];
  if (!route) return undefined;
  const sticky = route.sticky === Sticky.USER && call.user !== undefined;
  const point = sticky ? hashText(call.user ?? "") / 2 ** 32 : random();
  const shares = route.split.map(({ version, weight }) => `${version}=${weight}`).join(" ");
  const reason = `route ${index + 1}: ${shares}${sticky ? ", by user" : ""}`;
  return { version: versionAt(route, point), reason };
}

/** The version at a point of the whole, from 0 to under 1. */
function versionAt({ split }: Route, point: number): string | undefined {
  const total = split.reduce((sum, { weight }) => sum + weight, 0);
  let left = point * total;
  for (const { version, weight } of split) {
    left -= weight;
    if (left < 0) return version;
  }
  return split.findLast(({ weight }) => weight > 0)?.version;
}
