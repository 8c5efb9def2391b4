import { type DnsOptions, dnsSource } from "./dns-source.ts";
import type { Publish, Source } from "./source.ts";
import { staticSource } from "./static-source.ts";
import { readTarget, type Target, targetForms } from "./target.ts";

/** What discovery knows beside what a target says itself. */
export interface DiscoveryOptions {
  /** Answers for mesh:/// targets. */
  readonly registry?: Source;
  readonly dns?: DnsOptions;
}

/** Finds the instances of services. */
export interface Discovery {
  /**
   * Publishes the instances that a target stands for (see readTarget) as soon as they are known, and after each change.
   * Returns what ends that. Throws a RangeError for a target that cannot be read.
   */
  watch(service: string, target: string, publish: Publish): () => void;
}

/** Creates the discovery of a process. */
export function createDiscovery(options: DiscoveryOptions = {}): Discovery {
  return {
    watch(service, text, publish) {
      const target = readTarget(text);
      if (!target) throw new RangeError(`"${text}" says nothing about where ${service} is: write ${targetForms}`);
      const name = target.kind === "registry" ? target.service : service;
      return sourceOf(target, options).watch(name, publish);
    },
  };
}

function sourceOf(target: Target, { registry, dns }: DiscoveryOptions): Source {
  if (target.kind === "static") return staticSource(target.addresses);
  if (target.kind === "dns") return dnsSource(target.name, dns);
  if (registry) return registry;
  throw new RangeError(`mesh:///${target.service} needs a registry, and this process has none`);
}
