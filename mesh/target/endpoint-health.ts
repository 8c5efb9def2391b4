import { AsyncLocalStorage } from "node:async_hooks";
import type { Channel } from "#mesh/channel";
import { HealthWatch } from "./health-watch.ts";

/** What the endpoints of a target say of their health. */
export interface EndpointHealth {
  /** From now on these addresses are asked, and no others. */
  watch(addresses: ReadonlySet<string>): void;
  /** Whether the endpoint has said that it is not well. One that has said nothing yet is taken for well. */
  isUnhealthy(address: string): boolean;
}

/**
 * Asks endpoints for their health (gRFC A17): one stream for each, which does not keep the process alive. `onChange` is
 * told when one has become well or unwell.
 */
export function createEndpointHealth(channelOf: (address: string) => Channel, onChange: () => void): EndpointHealth {
  const watches = new Map<string, HealthWatch>();
  // The watch begins with some call and outlives it: it must not hold on to that call's context.
  const inOwnContext = AsyncLocalStorage.snapshot();
  return {
    watch(addresses) {
      for (const [address, watch] of watches) {
        if (addresses.has(address)) continue;
        watches.delete(address);
        watch.close();
      }
      for (const address of addresses) {
        if (watches.has(address)) continue;
        watches.set(
          address,
          inOwnContext(() => new HealthWatch(channelOf(address), onChange)),
        );
      }
    },
    isUnhealthy: (address) => watches.get(address)?.unhealthy ?? false,
  };
}
