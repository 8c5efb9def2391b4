import type { Contract } from "#mesh/contract";
import { registryPermissions } from "#mesh/discovery";
import { eventPermissions } from "#mesh/events";
import { type NatsUser, registryUser } from "#mesh/nats";

/** Who may connect to the broker: every service, with what its contract needs, and one who may do everything. */
export function natsUsers(contracts: readonly Contract[]): NatsUser[] {
  return [
    { name: "admin", account: "EVENTS" },
    ...contracts.map((contract) => ({
      name: contract.name,
      account: "EVENTS",
      permissions: eventPermissions(contract),
    })),
    ...contracts.map(({ name }) => ({
      name: registryUser(name),
      account: "REGISTRY",
      permissions: registryPermissions(name),
    })),
  ];
}
