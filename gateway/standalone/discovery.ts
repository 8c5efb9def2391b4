import { createDiscovery, createRegistry, type Discovery, registryBucket } from "#mesh/discovery";
import { maintainConnection, openBucket } from "#mesh/nats";
import { group, type Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";

/** How servers are found, and the part of the process that this needs. */
export interface OpenDiscovery {
  readonly discovery: Discovery;
  readonly part: Part;
}

/** Creates the discovery of a gateway. mesh:/// addresses need the broker in which services register. */
export function openDiscovery(registryUrl: string | undefined, log: Logger): OpenDiscovery {
  if (registryUrl === undefined) return { discovery: createDiscovery(), part: group("discovery", []) };
  const connection = maintainConnection({ url: registryUrl, name: "gateway registry", log });
  const registry = createRegistry(openBucket(connection, registryBucket(1), log), log);
  const connected: Part = {
    name: "connection to the registry",
    start: () => connection.start(),
    stop: () => connection.stop(),
  };
  return { discovery: createDiscovery({ registry }), part: group("discovery", [connected, registry]) };
}
