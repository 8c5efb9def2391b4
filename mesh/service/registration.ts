import type { ServiceConfig } from "#mesh/config";
import { type Contract, schemaHash } from "#mesh/contract";
import { createRegistrar, createRegistryView, type Registration, type Registry } from "#mesh/discovery";
import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";

/** A service's view of the registry, and its own place in it. */
export interface ServiceRegistry {
  readonly registry: Registry;
  /** Follows the registry: to start before whatever calls others. */
  readonly view: Part;
  /** Takes the entry out: to stop after the server. */
  readonly removal: Part;
  /** Registers: to start after the server, and to stop before it. */
  readonly registration: Part;
}

/** Connects a service with the registry. `address` is where its server listens, known once that has started. */
export function createServiceRegistry(
  { name, services }: Contract,
  config: ServiceConfig,
  { address, log }: { readonly address: () => string; readonly log: Logger },
): ServiceRegistry {
  const { natsUrl, streamReplicas: replicas } = config;
  const { registry, bucket, view } = createRegistryView({ natsUrl, name, replicas, log });
  const { version, zone, weight } = config.self;
  const hash = schemaHash(services);
  const self = (): Registration => ({
    ...{ service: name, version, zone, weight, schemaHash: hash },
    address: reachable(config.self.address, address()),
  });
  const registrar = createRegistrar(bucket, self, log);
  return { registry, view, removal: registrar.removal, registration: registrar };
}

/** What the environment says of the address, completed by the port that the server listens on. */
function reachable(advertised: string, listening: string): string {
  if (advertised === "") return listening;
  return /:\d+$/.test(advertised) ? advertised : `${advertised}:${listening.slice(listening.lastIndexOf(":") + 1)}`;
}
