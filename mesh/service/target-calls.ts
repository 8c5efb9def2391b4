import { hostname } from "node:os";
import type { ServiceConfig } from "#mesh/config";
import { createDiscovery, type Source } from "#mesh/discovery";
import type { TargetTransportOptions } from "#mesh/rpc";

/** What all calls of a process have in common. */
export type CallSettings = Pick<TargetTransportOptions, "discovery" | "place" | "channel" | "local">;

/** Reads from the configuration how a process makes its calls. Without a registry no address may name one. */
export function targetCalls(
  config: Pick<ServiceConfig, "self" | "channel" | "localCalls">,
  registry?: Source,
): CallSettings {
  return {
    discovery: createDiscovery(registry && { registry }),
    place: { zone: config.self.zone, seed: `${hostname()}/${process.pid}` },
    channel: config.channel,
    local: config.localCalls,
  };
}
