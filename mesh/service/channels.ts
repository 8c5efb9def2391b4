import type { Part } from "#mesh/process";
import type { ClosableTransport } from "#mesh/rpc";

/** The connections of a process to its neighbours: one for each address, closed together. */
export interface Channels extends Part {
  transport(address: string): ClosableTransport;
}

/** Opens a channel for each address that is asked for, once. */
export function createChannels(open: (address: string) => ClosableTransport): Channels {
  const transports = new Map<string, ClosableTransport>();
  return {
    name: "channels",
    transport(address) {
      const transport = transports.get(address) ?? open(address);
      transports.set(address, transport);
      return transport;
    },
    async start() {},
    async stop() {
      for (const transport of transports.values()) transport.close();
    },
  };
}
