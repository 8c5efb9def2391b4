import { createChannel, createGrpcJsChannel, type SecureOptions } from "#mesh/channel";
import { readTarget } from "#mesh/discovery";
import type { ClientIdentity } from "#mesh/identity";
import type { EndpointChannel } from "#mesh/target";
import { channelCredentials, channelTlsOptions } from "./grpc-credentials.ts";
import { preferLocal } from "./local-server.ts";
import { ownCertificate, secureOptions } from "./secure-options.ts";

/** How channels to single addresses are made. */
export interface EndpointSettings {
  /** Largest message that is received, in bytes. Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** Who carries the calls: the mesh's own channel, which is the default, or grpc-js's client, without gzip. */
  readonly channel?: ChannelKind;
  /** Whether servers of the same process, which allow it too, are called without a socket. Default false. */
  readonly local?: boolean;
  /** As whom calls are made. Without certificates they travel in the clear. */
  readonly identity?: ClientIdentity | undefined;
  /** Name of the service that is called, such as "shop.order". Needed under TLS, where the server must prove it. */
  readonly server?: string | undefined;
  /** TLS as the caller wants it, on the mesh's own channel. Default: what the identity says, plain text without one. */
  readonly secure?: SecureOptions;
  /** Whether requests are compressed with gzip. Default false. Responses may always be. */
  readonly gzip?: boolean;
}

/** The implementations of a client channel. */
export type ChannelKind = "mesh" | "grpc-js";

const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;

/**
 * Makes the channel to an address, host:port, or to the first of several that it can reach. It connects with its first
 * call. Throws a TypeError for any other form of address, for gzip with grpc-js, and under TLS without a server.
 */
export function openEndpoint(address: string, settings: EndpointSettings): EndpointChannel {
  const { local, identity, maxMessageBytes = DEFAULT_MAX_BYTES } = settings;
  const network = settings.channel === "grpc-js" ? openGrpcJs(address, settings) : openOwn(address, settings);
  return local
    ? preferLocal(address, network, { maxReceiveBytes: maxMessageBytes, certificate: () => ownCertificate(identity) })
    : network;
}

function openOwn(address: string, { gzip, maxMessageBytes = DEFAULT_MAX_BYTES, ...ends }: EndpointSettings) {
  const secure = ends.secure ?? secureOptions(ends);
  const optional = { ...(secure && { secure }), ...(gzip && { gzip }) };
  const channel = createChannel({ addresses: addressesOf(address), maxReceiveBytes: maxMessageBytes, ...optional });
  return {
    ...channel,
    get unreachable() {
      return channel.endpoints.every(({ state }) => state === "backoff");
    },
    drain() {
      for (const endpoint of channel.endpoints) endpoint.drain();
    },
  };
}

function openGrpcJs(address: string, { gzip, maxMessageBytes = DEFAULT_MAX_BYTES, ...ends }: EndpointSettings) {
  if (gzip) throw new TypeError("gzip needs the mesh's own channel: leave out channel: grpc-js");
  const [credentials, more] = [channelCredentials(ends), channelTlsOptions(ends)];
  const channel = createGrpcJsChannel({ address, maxReceiveBytes: maxMessageBytes, credentials, more });
  return {
    ...channel,
    get unreachable() {
      return channel.unreachable;
    },
    // grpc-js lets calls under way end when a channel is closed.
    drain: () => channel.close(),
  };
}

/** A name is looked up at each connection, so the one host:port is enough for DNS, too. */
function addressesOf(address: string): readonly string[] {
  const target = readTarget(address);
  if (target?.kind === "static") return target.addresses;
  if (target?.kind === "dns") return [target.name];
  throw new TypeError(`"${address}" is no address that a client can call: host:port, or dns:///host:port`);
}
