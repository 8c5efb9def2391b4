import { clone, create } from "@bufbuild/protobuf";
import {
  type Route,
  RouteSchema,
  Sticky,
  type TrafficRules,
  TrafficRulesSchema,
  type VersionShare,
  VersionShareSchema,
} from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { matchesAll } from "./match.ts";
import { TrafficRulesError } from "./parse-rules.ts";

/** Reads shares as people write them: "v1=90 v2=10", each an argument. Throws a TrafficRulesError. */
export function parseSplit(shares: readonly string[]): VersionShare[] {
  return shares.map((share) => {
    const groups = /^(?<version>[^=\s]+)=(?<weight>[0-9]{1,5})$/.exec(share)?.groups;
    if (!groups?.version) throw new TrafficRulesError([`"${share}" is no share: write it like v2=10`]);
    return create(VersionShareSchema, { version: groups.version, weight: Number(groups.weight) });
  });
}

/** Returns rules with another split for the calls that no other route is about. An empty one takes it away. */
export function withSplit(rules: TrafficRules, split: VersionShare[], sticky: Sticky = Sticky.USER): TrafficRules {
  const changed = clone(TrafficRulesSchema, rules);
  const special = changed.routes.filter(({ match }) => !matchesAll(match));
  const rest: Route[] = split.length > 0 ? [create(RouteSchema, { split, sticky })] : [];
  changed.routes = [...special, ...rest];
  return changed;
}
