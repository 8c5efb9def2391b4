import { hostname } from "node:os";
import type { DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { targetPolicyOf } from "#mesh/contract";
import type { Discovery } from "#mesh/discovery";
import { type ByteCalls, createTargetTransport, type TargetTransport, type TargetTransportOptions } from "#mesh/rpc";
import type { UpstreamConfig } from "./config.ts";
import { readTlsFiles, secureOptionsOf } from "./upstream-tls.ts";

/** A channel in use. */
export interface ChannelLease {
  /** Passes the user's Authorization header on, or makes calls in nobody's name. */
  transport(forwardUser: boolean): Transport & ByteCalls;
  /** Ends the use. The channel is closed with its last user, and ends the calls that are under way. */
  release(): void;
}

/** Channels to servers, which outlive an exchange of contracts: whoever asks for the same one gets the same. */
export interface Channels {
  /** Throws an Error for a TLS file that cannot be used. */
  lease(upstream: UpstreamConfig, use: ChannelUse): ChannelLease;
  /** All that are open. */
  list(): readonly TargetTransport[];
}

/** For what a channel is used. */
export interface ChannelUse {
  /** The contract whose policies it follows. */
  readonly service: DescService;
  /** Largest message that is received, in bytes. */
  readonly maxMessageBytes: number;
}

interface Open {
  readonly transport: TargetTransport;
  users: number;
}

/** Creates the channels of a gateway. The calls are made in nobody's name but the user's. */
export function createChannels(discovery: Discovery, calling: Pick<TargetTransportOptions, "meterOf">): Channels {
  const channels = new Map<string, Open>();
  const place = { zone: "", seed: `${hostname()}/${process.pid}` };

  return {
    lease({ address, tls }, { service, maxMessageBytes }) {
      const files = tls && readTlsFiles(tls);
      const key = JSON.stringify([address, files, maxMessageBytes, service.typeName, targetPolicyOf(service)]);
      const secure = files && { secure: secureOptionsOf(files) };
      const open = () =>
        createTargetTransport({ service, address, discovery, place, maxMessageBytes, ...secure, ...calling });
      const used = channels.get(key) ?? { transport: open(), users: 0 };
      channels.set(key, used);
      used.users++;
      return {
        transport: (forwardUser) => (forwardUser ? used.transport : used.transport.inNobodysName),
        release() {
          if (--used.users > 0) return;
          channels.delete(key);
          used.transport.close();
        },
      };
    },
    list: () => [...channels.values()].map(({ transport }) => transport),
  };
}
