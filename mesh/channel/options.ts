import type { PeerCertificate, SecureContext } from "node:tls";
import type { BackoffOptions } from "./backoff.ts";

/** Where an endpoint listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** TLS of a channel's connections. */
export interface SecureOptions {
  /**
   * Certificates and trusted authorities. Asked for at each handshake, so that certificates can be replaced without
   * touching the connections that stand: `() => tls.createSecureContext({ ca, cert, key })`.
   */
  context(): SecureContext;
  /**
   * Whether the server is whom it should be, once its certificate has proven to be trusted. Returns an error to refuse
   * it. Default: the host's name has to be in the certificate.
   */
  readonly verifyPeer?: (certificate: PeerCertificate) => Error | undefined;
  /** Name sent as SNI and looked for in the certificate. Default: the host, unless it is an IP address. */
  readonly serverName?: string;
}

/** How connections are kept alive (gRFC A8). */
export interface KeepaliveOptions {
  /** Silence after which the server is asked for a sign of life, in milliseconds. Default 30 s. */
  readonly timeMs: number;
  /** How long it may take to answer before the connection counts as lost, in milliseconds. Default 10 s. */
  readonly timeoutMs: number;
  /** Whether it is asked without calls in flight, too; servers may close the connection for it. Default false. */
  readonly withoutCalls: boolean;
}

/** How an endpoint connects. Every part has a default. */
export interface EndpointOptions {
  readonly secure?: SecureOptions;
  readonly keepalive?: Partial<KeepaliveOptions>;
  /**
   * Between attempts to connect. Default 100 ms to 2 s: neighbours restart, and gRPC's two minutes would keep them away
   * for as long.
   */
  readonly backoff?: Partial<BackoffOptions>;
  /** Longest time until a connection can be used, in milliseconds. Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** Life of a connection without calls, in milliseconds. Default 30 min. */
  readonly idleTimeoutMs?: number;
  /** Most connections; another one is opened when the server's MAX_CONCURRENT_STREAMS is reached. Default 8. */
  readonly maxConnections?: number;
  /** Calls after which a connection is replaced. Default 2^30 - 1: HTTP/2 has no more stream ids than those. */
  readonly maxCallsPerConnection?: number;
  /** Most calls that wait for a connection; further ones end RESOURCE_EXHAUSTED. Default 10 000. */
  readonly maxWaiting?: number;
}

/** Options with their defaults. */
export interface EndpointSettings {
  readonly secure: SecureOptions | undefined;
  readonly keepalive: KeepaliveOptions;
  readonly backoff: BackoffOptions;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxCallsPerConnection: number;
  readonly maxWaiting: number;
}

/** Fills in the defaults. */
export function settingsOf(options: EndpointOptions): EndpointSettings {
  return {
    secure: options.secure,
    keepalive: { timeMs: 30_000, timeoutMs: 10_000, withoutCalls: false, ...options.keepalive },
    backoff: { initialMs: 100, maxMs: 2_000, ...options.backoff },
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    idleTimeoutMs: options.idleTimeoutMs ?? 30 * 60_000,
    maxConnections: options.maxConnections ?? 8,
    maxCallsPerConnection: options.maxCallsPerConnection ?? 2 ** 30 - 1,
    maxWaiting: options.maxWaiting ?? 10_000,
  };
}

/** Reads "host:port" or "[IPv6]:port". Throws a TypeError for anything else. */
export function parseAddress(text: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^\s:/]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw new TypeError(`"${text}" is no address of the form host:port`);
  return { host, port: Number(port) };
}
