import { type CallOptions, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { DiscoveryService } from "#gen/heddle/discovery/v1/discovery_service_pb.ts";
import { readTarget } from "#mesh/discovery";
import { CommandFault } from "./command-fault.ts";

/** Where a service is configured to be. */
export interface Place {
  /** Such as "shop.order". */
  readonly service: string;
  /** What readTarget() takes. */
  readonly address: string;
}

/** Whom to ask who has registered. */
export interface Asked {
  readonly gateway: Transport;
  readonly call: CallOptions;
}

/**
 * Finds the addresses of each service's replicas: those that it is configured with, and for "mesh:///" those that have
 * registered, as the gateway says. Throws a CommandFault when the gateway has to be asked and cannot be.
 */
export async function findReplicas(
  places: readonly Place[],
  asked: Asked,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const targets = places.map(({ service, address }) => ({ service, address, target: readTarget(address) }));
  const isNeeded = targets.some(({ target }) => target?.kind === "registry");
  const registered = isNeeded ? await readRegistry(asked) : new Map<string, string[]>();
  return new Map(
    targets.map(({ service, address, target }) => {
      if (target?.kind === "registry") return [service, registered.get(target.service) ?? []];
      return [service, target?.kind === "static" ? target.addresses : [address]];
    }),
  );
}

async function readRegistry({ gateway, call }: Asked): Promise<Map<string, string[]>> {
  try {
    const { services } = await createClient(DiscoveryService, gateway).listServices({}, call);
    return new Map(services.map(({ name, instances }) => [name, instances.map(({ address }) => address)]));
  } catch (error) {
    const why = ConnectError.from(error).message;
    throw new CommandFault(`the gateway does not say who has registered: ${why}
Set HEDDLE_GATEWAY_URL to where it listens, or give addresses of services as host:port.`);
  }
}
