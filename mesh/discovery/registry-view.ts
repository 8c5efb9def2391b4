import { type Bucket, maintainConnection, openBucket } from "#mesh/nats";
import { group, type Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { createRegistry, type Registry, registryBucket } from "./registry.ts";

/** What a view of the registry needs. */
export interface RegistryViewOptions {
  readonly natsUrl: string;
  /** Who looks, for the broker's list of connections. */
  readonly name: string;
  /** Copies of the registry in a cluster of brokers. Default 1. */
  readonly replicas?: number;
  readonly log: Logger;
}

/** The registry, on a connection to the broker of its own. */
export interface RegistryView {
  readonly registry: Registry;
  /** What the registry lives in, to register there. */
  readonly bucket: Bucket;
  /** Connects and follows: to start before whatever calls others. A broker that is away is waited for meanwhile. */
  readonly view: Part;
}

/** Creates a view of the registry. */
export function createRegistryView({ natsUrl, name, replicas = 1, log }: RegistryViewOptions): RegistryView {
  const connection = maintainConnection({ url: natsUrl, name: `${name} registry`, log });
  const bucket = openBucket(connection, registryBucket(replicas), log);
  const registry = createRegistry(bucket, log);
  const connected: Part = {
    name: "connection to the registry",
    start: () => connection.start(),
    stop: () => connection.stop(),
  };
  return { registry, bucket, view: group("registry", [connected, registry]) };
}
