import type { Channel } from "#mesh/channel";

/** A channel to one address. */
export interface EndpointChannel extends Channel {
  /** Takes no more calls, lets those under way end, and closes. */
  drain(): void;
  /** Whether a call would have to wait for another attempt to connect. */
  readonly unreachable: boolean;
}

/** Opens the channel to an address; it connects with its first call. */
export type OpenEndpoint = (address: string) => EndpointChannel;

/** The channels of a target, one for each address, kept for as long as the address is in use. */
export interface EndpointChannels {
  /** Drains those that are no longer listed. Those that stay keep their connections. */
  update(addresses: readonly string[]): void;
  of(address: string): EndpointChannel;
  close(): void;
}

/** Creates the channels of a target. */
export function createEndpointChannels(open: OpenEndpoint): EndpointChannels {
  const channels = new Map<string, EndpointChannel>();
  return {
    update(addresses) {
      const used = new Set(addresses);
      for (const [address, channel] of channels) {
        if (used.has(address)) continue;
        channels.delete(address);
        channel.drain();
      }
    },
    of(address) {
      const known = channels.get(address);
      if (known) return known;
      const opened = open(address);
      channels.set(address, opened);
      return opened;
    },
    close() {
      for (const channel of channels.values()) channel.close();
    },
  };
}
