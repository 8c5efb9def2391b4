import { clone, create } from "@bufbuild/protobuf";
import { type Mirror, MirrorSchema, type TrafficRules, TrafficRulesSchema } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { matchesAll } from "./match.ts";
import { TrafficRulesError } from "./parse-rules.ts";

/** Reads a mirror for all calls as people write it: "v2=10", a version and a percentage. Throws a TrafficRulesError. */
export function parseMirror(share: string): Mirror {
  const groups = /^(?<version>[^=\s]+)=(?<percentage>[0-9]{1,3}(\.[0-9]{1,6})?)$/.exec(share)?.groups;
  if (!groups?.version) throw new TrafficRulesError([`"${share}" is no percentage of a version: write it like v2=10`]);
  return create(MirrorSchema, { version: groups.version, percentage: Number(groups.percentage) });
}

/** Returns rules with another mirror for the calls that no other mirror is about; undefined takes it away. */
export function withMirror(rules: TrafficRules, mirror: Mirror | undefined): TrafficRules {
  const changed = clone(TrafficRulesSchema, rules);
  const special = changed.mirrors.filter(({ match }) => !matchesAll(match));
  changed.mirrors = mirror ? [...special, mirror] : special;
  return changed;
}
