import { createChannel, createGrpcJsChannel, type SecureOptions } from "#mesh/channel";
import { readTarget } from "#mesh/discovery";
import type { ServiceIdentity } from "#mesh/identity";
import type { CallRecord } from "./call-record.ts";
import { type ClosableTransport, createTransport } from "./transport.ts";

/** Whom a transport calls, and as whom. */
export interface MeshTransportOptions {
  /** Where the service is: host:port, several of them with commas, or dns:///host:port. */
  readonly address: string;
  /** Shows the called service who calls. Left out, the call comes from no service. */
  readonly identity?: ServiceIdentity;
  /** Whether the user's token of the call that is being served goes along. Default true. */
  readonly forwardUser?: boolean;
  /** Told about each call that has ended. */
  readonly onCallEnd?: (record: CallRecord) => void;
  /** Largest message that is received, in bytes. Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** Who carries the calls: the mesh's own channel, which is the default, or grpc-js's client, without TLS and gzip. */
  readonly channel?: ChannelKind;
  /** TLS. Left out, calls travel in the clear. */
  readonly secure?: SecureOptions;
  /** Whether requests are compressed with gzip. Default false. Responses may always be. */
  readonly gzip?: boolean;
}

/** The implementations of a client channel. */
export type ChannelKind = "mesh" | "grpc-js";

/**
 * Creates the transport of a typed client: `createClient(OrderService, createMeshTransport({ address }))`. It connects
 * with the first call and again when the connection is lost; a call that finds no server ends Unavailable at once.
 * Of several addresses it calls the first that it can reach. Throws a TypeError for any other form of address, and for
 * TLS or gzip with grpc-js.
 */
export function createMeshTransport(options: MeshTransportOptions): ClosableTransport {
  return createTransport(openChannel(options), options);
}

function openChannel({ address, secure, gzip, channel, maxMessageBytes = 4 * 1024 * 1024 }: MeshTransportOptions) {
  if (channel !== "grpc-js") {
    const optional = { ...(secure && { secure }), ...(gzip && { gzip }) };
    return createChannel({ addresses: addressesOf(address), maxReceiveBytes: maxMessageBytes, ...optional });
  }
  if (secure || gzip) throw new TypeError("TLS and gzip need the mesh's own channel: leave out channel: grpc-js");
  return createGrpcJsChannel({ address, maxReceiveBytes: maxMessageBytes });
}

/** A name is looked up at each connection, so the one host:port is enough for DNS, too. */
function addressesOf(address: string): readonly string[] {
  const target = readTarget(address);
  if (target?.kind === "static") return target.addresses;
  if (target?.kind === "dns") return [target.name];
  throw new TypeError(`"${address}" is no address that a client can call: host:port, or dns:///host:port`);
}
