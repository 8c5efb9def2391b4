import { create, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { DataPlaneService } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import { type TrafficRules, TrafficRulesSchema } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { parseMirror, parseSplit, parseTrafficRules, withMirror, withSplit } from "#mesh/traffic";
import { CommandFault } from "./command-fault.ts";
import type { Mesh } from "./mesh.ts";

/** `traffic show <target>` */
export async function showTraffic(mesh: Mesh, target: string): Promise<void> {
  console.log(toJsonString(TrafficRulesSchema, await readRules(mesh, target), { prettySpaces: 2 }));
}

/** `traffic split <target> v1=90 v2=10`: shares of versions; without any, the split is taken away. */
export async function splitTraffic(mesh: Mesh, target: string, shares: readonly string[]): Promise<void> {
  await write(mesh, target, withSplit(await readRules(mesh, target), parseSplit([...shares])));
  console.log(shares.length > 0 ? `${target}: ${shares.join(" ")}` : `${target}: any version`);
}

/** `traffic mirror <target> v2=10`: copies of a percentage of the calls; without one, there are none any more. */
export async function mirrorTraffic(mesh: Mesh, target: string, share: string | undefined): Promise<void> {
  const mirror = share === undefined ? undefined : parseMirror(share);
  await write(mesh, target, withMirror(await readRules(mesh, target), mirror));
  console.log(`${target}: ${share === undefined ? "not mirrored" : `mirrored to ${share} %`}`);
}

/** `traffic set <target> <json>`: replaces all rules. */
export async function setTraffic(mesh: Mesh, target: string, json: string): Promise<void> {
  await write(mesh, target, parseTrafficRules(json));
  console.log(`${target}: rules replaced`);
}

/** `traffic clear <target>` */
export async function clearTraffic(mesh: Mesh, target: string): Promise<void> {
  await write(mesh, target, create(TrafficRulesSchema));
  console.log(`${target}: no rules`);
}

async function readRules(mesh: Mesh, target: string): Promise<TrafficRules> {
  const { rules } = await mesh.askAnybody(DataPlaneService, (client, call) => client.getTrafficRules({ target }, call));
  return rules ?? create(TrafficRulesSchema);
}

async function write(mesh: Mesh, target: string, rules: TrafficRules): Promise<void> {
  if (!/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/.test(target)) throw new CommandFault(`"${target}" names no service`);
  const sent = fromJsonString(TrafficRulesSchema, toJsonString(TrafficRulesSchema, rules));
  await mesh.askAnybody(DataPlaneService, (client, call) => client.setTrafficRules({ target, rules: sent }, call));
}
