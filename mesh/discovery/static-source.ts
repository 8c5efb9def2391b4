import { bareInstance } from "./instance.ts";
import type { Source } from "./source.ts";

/** Addresses (host:port) that never change. */
export function staticSource(addresses: readonly string[]): Source {
  return {
    watch(service, publish) {
      publish(addresses.map((address) => bareInstance(service, address)));
      return () => undefined;
    },
  };
}
