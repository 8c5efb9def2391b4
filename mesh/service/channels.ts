import type { DescService } from "@bufbuild/protobuf";
import type { Part } from "#mesh/process";
import type { TargetTransport } from "#mesh/rpc";

/** The connections of a process to its neighbours: one for each target, closed together. */
export interface Channels extends Part {
  /** The transport to whoever serves a contract at `address`. */
  transport(service: DescService, address: string): TargetTransport;
  /** Every transport that was asked for. */
  all(): readonly TargetTransport[];
}

/** Opens a channel for each target that is asked for, once. */
export function createChannels(open: (service: DescService, address: string) => TargetTransport): Channels {
  const transports = new Map<string, TargetTransport>();
  return {
    name: "channels",
    transport(service, address) {
      const transport = transports.get(address) ?? open(service, address);
      transports.set(address, transport);
      return transport;
    },
    all: () => [...transports.values()],
    async start() {},
    async stop() {
      for (const transport of transports.values()) transport.close();
    },
  };
}
