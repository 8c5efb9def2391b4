import type { Instance } from "./instance.ts";

/**
 * Where the instances of services are known from. To add one (xDS, Consul, a file), write a Source and hand it to
 * createDiscovery().
 *
 * The rule for all: whoever does not know better keeps what was known. A source publishes a set when it knows it to be
 * the set, and nothing while it cannot tell, because its own server is away or its connection is lost.
 */
export interface Source {
  /**
   * Publishes the instances of a service as soon as they are known, and the whole set again after each change.
   * Returns what ends that. Never throws: a source that is away publishes later.
   */
  watch(service: string, publish: Publish): () => void;
}

/** Takes the whole set of a service's instances. */
export type Publish = (instances: readonly Instance[]) => void;
