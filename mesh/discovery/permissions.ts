import { inboxPrefix, type NatsPermissions, registryUser } from "#mesh/nats";
import { registryBucket } from "./registry.ts";

/**
 * What a service must be allowed at the broker to register and to follow the registry: it writes its own entries only.
 * Following needs consumers, which deliver to any subject: so the registry belongs into an account without events.
 */
export function registryPermissions(service: string): NatsPermissions {
  const { name } = registryBucket(1);
  const stream = `KV_${name}`;
  return {
    publish: [
      `$KV.${name}.${service}.*`,
      "$JS.API.INFO",
      ...["STREAM.INFO", "STREAM.CREATE"].map((call) => `$JS.API.${call}.${stream}`),
      ...["CONSUMER.CREATE", "CONSUMER.INFO", "CONSUMER.DELETE"].map((call) => `$JS.API.${call}.${stream}.>`),
      `$JS.FC.${stream}.>`,
    ],
    subscribe: [`${inboxPrefix(registryUser(service))}.>`],
  };
}
