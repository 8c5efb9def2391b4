import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, CodeSchema } from "#gen/google/rpc/code_pb.ts";
import {
  type Fault,
  type Match,
  type Mirror,
  type Route,
  Sticky,
  type TrafficRules,
  TrafficRulesSchema,
} from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { matchesAll } from "./match.ts";

/** Rules of traffic that make no sense. Whoever has good ones keeps them. */
export class TrafficRulesError extends Error {
  override readonly name = "TrafficRulesError";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`these rules of traffic cannot be used: ${faults.join("; ")}`);
    this.faults = faults;
  }
}

/** Reads rules of traffic from JSON. Throws a TrafficRulesError that lists everything that is wrong with them. */
export function parseTrafficRules(json: string): TrafficRules {
  const rules = read(json);
  const faults = faultsOf(rules);
  if (faults.length > 0) throw new TrafficRulesError(faults);
  return rules;
}

/** Writes rules of traffic as JSON. Throws a TrafficRulesError when they could not be read again. */
export function formatTrafficRules(rules: TrafficRules): string {
  const faults = faultsOf(rules);
  if (faults.length > 0) throw new TrafficRulesError(faults);
  return toJsonString(TrafficRulesSchema, rules);
}

function read(json: string): TrafficRules {
  try {
    // A name that is not known is a misspelt one: the rule would silently be another.
    return fromJsonString(TrafficRulesSchema, json, { ignoreUnknownFields: false });
  } catch (error) {
    throw new TrafficRulesError([error instanceof Error ? error.message : String(error)]);
  }
}

function faultsOf({ routes, faults, mirrors }: TrafficRules): string[] {
  return [
    ...routes.flatMap((route, index) => routeFaults(route).map((text) => `route ${index + 1} ${text}`)),
    ...unreached("route", routes),
    ...faults.flatMap((fault, index) => faultFaults(fault).map((text) => `fault ${index + 1} ${text}`)),
    ...mirrors.flatMap((mirror, index) => mirrorFaults(mirror).map((text) => `mirror ${index + 1} ${text}`)),
    ...unreached("mirror", mirrors),
  ];
}

function unreached(kind: string, rules: readonly (Route | Mirror)[]): string[] {
  const all = rules.findIndex(({ match }) => matchesAll(match));
  const [last, next] = [all + 1, all + 2];
  return all >= 0 && last < rules.length ? [`${kind} ${next} is never reached: ${kind} ${last} is for all`] : [];
}

function routeFaults({ match, split, sticky }: Route): string[] {
  const faults = matchFaults(match);
  const versions = split.map(({ version }) => version);
  if (versions.some((version) => version === "")) faults.push("has a share without a version");
  if (new Set(versions).size < versions.length) faults.push("names a version twice");
  if (split.some(({ weight }) => weight < 0 || weight > 10_000)) faults.push("has a weight out of range: 0 to 10000");
  if (split.every(({ weight }) => weight <= 0)) faults.push("leads nowhere: give a version a weight");
  if (sticky !== Sticky.UNSPECIFIED && sticky !== Sticky.USER) faults.push(`has an unknown sticky ${sticky}`);
  return faults;
}

function faultFaults({ match, percentage, delay, abort }: Fault): string[] {
  const faults = [...matchFaults(match), ...percentageFaults(percentage)];
  if (!delay && abort === Code.OK) faults.push("does nothing: set delay or abort");
  if (delay && !(durationMs(delay) >= 1 && durationMs(delay) <= 300_000)) {
    faults.push("has a delay out of range: 1 ms to 5 minutes");
  }
  if (!CodeSchema.value[abort]) faults.push(`has an unknown code ${abort}`);
  return faults;
}

function mirrorFaults({ match, version, percentage }: Mirror): string[] {
  const faults = [...matchFaults(match), ...percentageFaults(percentage)];
  if (version === "") faults.push("has no version");
  return faults;
}

function percentageFaults(percentage: number): string[] {
  // Not a number compares with nothing, so the range is asked for, not its outside.
  return percentage > 0 && percentage <= 100 ? [] : ["has a percentage out of range: over 0 to 100"];
}

function matchFaults(match: Match | undefined): string[] {
  const names = match?.headers.map(({ name }) => name) ?? [];
  const bad = names.filter((name) => !/^[a-z0-9_.-]+$/.test(name));
  return bad.map((name) => `has a header that never matches: "${name}"; write it in lower case`);
}
