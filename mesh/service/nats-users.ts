import type { Contract } from "#mesh/contract";
import { registryBucket } from "#mesh/discovery";
import { eventPermissions } from "#mesh/events";
import { inboxPrefix, type NatsPermissions, type NatsUser, registryUser } from "#mesh/nats";
import { trafficBucket } from "#mesh/traffic";

/**
 * Who may connect to the broker: every service, with what its contract needs, those who only call services, such as
 * "gateway", and one who may do everything.
 *
 * What all follow is in an account without events: following needs consumers, and the broker delivers what a consumer
 * reads to any subject of its account.
 */
export function natsUsers(contracts: readonly Contract[], callers: readonly string[]): NatsUser[] {
  const services = contracts.map((contract) => ({ name: contract.name, permissions: eventPermissions(contract) }));
  const members = [...contracts.map(({ name }) => name), ...callers];
  return [
    ...[{ name: "admin" }, ...services].map((user) => ({ ...user, account: "EVENTS" })),
    ...members.map((name) => ({
      name: registryUser(name),
      account: "REGISTRY",
      permissions: registryPermissions(name),
    })),
  ];
}

/** A member writes its own entries in the registry, and, for an admin, the rules of traffic. */
function registryPermissions(member: string): NatsPermissions {
  const [instances, traffic] = [registryBucket(1).name, trafficBucket(1).name];
  return {
    publish: [
      `$KV.${instances}.${member}.*`,
      `$KV.${traffic}.>`,
      "$JS.API.INFO",
      ...[instances, traffic].flatMap((bucket) => following(`KV_${bucket}`)),
    ],
    subscribe: [`${inboxPrefix(registryUser(member))}.>`],
  };
}

function following(stream: string): string[] {
  return [
    ...["STREAM.INFO", "STREAM.CREATE", "STREAM.MSG.GET"].map((call) => `$JS.API.${call}.${stream}`),
    ...["DIRECT.GET", "CONSUMER.CREATE", "CONSUMER.INFO", "CONSUMER.DELETE"].map(
      (call) => `$JS.API.${call}.${stream}.>`,
    ),
    `$JS.FC.${stream}.>`,
  ];
}
