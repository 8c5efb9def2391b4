import type { ServiceConfig } from "#mesh/config";
import { type Contract, schemaHash } from "#mesh/contract";
import { createRegistrar, type Registrar } from "#mesh/discovery";
import type { Bucket } from "#mesh/nats";
import type { Logger } from "#mesh/telemetry";

/** What a service registers itself with. */
export interface RegistrationOptions {
  readonly contract: Contract;
  readonly config: ServiceConfig;
  readonly instances: Bucket;
  /** Where the server listens, known once it has started. */
  readonly address: () => string;
  readonly log: Logger;
}

/** Creates the part that registers a service: to start after its server, and to stop before it. */
export function createRegistration({ contract, config, instances, address, log }: RegistrationOptions): Registrar {
  const { name, services } = contract;
  const { version, zone, weight, address: advertised } = config.self;
  const hash = schemaHash(services);
  const self = { ...{ service: name, version, zone, weight }, schemaHash: hash };
  return createRegistrar(instances, () => ({ ...self, address: reachable(advertised, address()) }), log);
}

/** What the environment says of the address, completed by the port that the server listens on. */
function reachable(advertised: string, listening: string): string {
  if (advertised === "") return listening;
  return /:\d+$/.test(advertised) ? advertised : `${advertised}:${listening.slice(listening.lastIndexOf(":") + 1)}`;
}
