import type { Part } from "#mesh/process";
import type { ClosableTransport } from "#mesh/rpc";

/** A neighbour: the service, and where it is. */
export interface Neighbour {
  /** host:port. */
  readonly address: string;
  /** Name such as "shop.order". */
  readonly service: string;
}

/** The connections of a process to its neighbours: one for each, closed together. */
export interface Channels extends Part {
  transport(neighbour: Neighbour): ClosableTransport;
}

/** Opens a channel for each neighbour that is asked for, once. */
export function createChannels(open: (neighbour: Neighbour) => ClosableTransport): Channels {
  const transports = new Map<string, ClosableTransport>();
  return {
    name: "channels",
    transport(neighbour) {
      const key = `${neighbour.service} ${neighbour.address}`;
      const transport = transports.get(key) ?? open(neighbour);
      transports.set(key, transport);
      return transport;
    },
    async start() {},
    async stop() {
      for (const transport of transports.values()) transport.close();
    },
  };
}
