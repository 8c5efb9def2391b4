// The only file that uses grpc.experimental and what grpc-js keeps to itself; its tests state what it relies on.
import type { Http2Session } from "node:http2";
import type { PeerCertificate } from "node:tls";
import {
  type ChannelCredentials,
  type ChannelOptions,
  credentials,
  experimental,
  ServerCredentials,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import type { CertificateSource, ClientIdentity, TlsIdentity } from "#mesh/identity";

/**
 * What a server listens with. Under TLS it asks for a client's certificate and goes on without: people and their tools
 * have none. Each handshake takes the certificates that are current.
 */
export function serverCredentials(tls: TlsIdentity | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  const provider = providerOf(tls.certificates);
  return experimental.createCertificateProviderServerCredentials(provider, provider, false);
}

/** Who calls whom. */
export interface ChannelEnds {
  readonly identity?: ClientIdentity | undefined;
  /** Name of the service that is called. */
  readonly server?: string | undefined;
}

/**
 * What a channel connects with. Under TLS the server must show the certificate of the service; throws a TypeError when
 * none is named then.
 */
export function channelCredentials({ identity, server }: ChannelEnds): ChannelCredentials {
  const tls = identity?.tls;
  if (!tls) return credentials.createInsecure();
  if (!server) throw new TypeError("under TLS a channel must be told which service it calls");
  const provider = providerOf(tls.certificates);
  const checkServerIdentity = tls.checkServer(server);
  return experimental.createCertificateProviderChannelCredentials(provider, tls.guest ? null : provider, {
    checkServerIdentity,
  });
}

/** Options of such a channel. */
export function channelTlsOptions({ identity, server }: ChannelEnds): ChannelOptions {
  // An address of numbers is no name for TLS, and Node warns of it (DEP0123).
  return identity?.tls && server ? { "grpc.ssl_target_name_override": server } : {};
}

/** grpc-js shares connections between channels that have the same provider. */
const providers = new WeakMap<CertificateSource, experimental.CertificateProvider>();

function providerOf(source: CertificateSource): experimental.CertificateProvider {
  const provider = providers.get(source) ?? createProvider(source);
  providers.set(source, provider);
  return provider;
}

function createProvider(source: CertificateSource): experimental.CertificateProvider {
  const authorities = subscriptions<experimental.CaCertificateUpdateListener>(source, (listener) =>
    listener({ caCertificate: Buffer.from(source.current().authorities) }),
  );
  const own = subscriptions<experimental.IdentityCertificateUpdateListener>(source, (listener) => {
    const held = source.current().own;
    listener(held ? { certificate: Buffer.from(held.chain), privateKey: Buffer.from(held.key) } : null);
  });
  return {
    addCaCertificateListener: authorities.add,
    removeCaCertificateListener: authorities.remove,
    addIdentityCertificateListener: own.add,
    removeIdentityCertificateListener: own.remove,
  };
}

function subscriptions<L>(source: CertificateSource, tell: (listener: L) => void) {
  const ends = new Map<L, () => void>();
  return {
    add(listener: L): void {
      ends.set(
        listener,
        source.onChange(() => tell(listener)),
      );
      // Server credentials pass on only what they hear after this call has returned.
      queueMicrotask(() => {
        if (ends.has(listener)) tell(listener);
      });
    },
    remove(listener: L): void {
      ends.get(listener)?.();
      ends.delete(listener);
    },
  };
}

interface Peer {
  readonly certificate: PeerCertificate | undefined;
}

const peers = new WeakMap<Http2Session, Peer>();

/**
 * The certificate at the other end of a call's connection, if a trusted authority has issued it. The same object for
 * all calls of a connection: grpc-js parses it anew each time it is asked, which costs about as much as a call.
 */
export function peerCertificate(
  call: Pick<ServerInterceptingCallInterface, "getAuthContext">,
): PeerCertificate | undefined {
  const session = sessionOf(call);
  if (!session) return call.getAuthContext().sslPeerCertificate;
  let peer = peers.get(session);
  if (!peer) {
    peer = { certificate: call.getAuthContext().sslPeerCertificate };
    peers.set(session, peer);
  }
  return peer.certificate;
}

/** The connection of a call, which grpc-js keeps to itself; undefined when it does so in another way or it is gone. */
function sessionOf(call: object): Http2Session | undefined {
  const stream: unknown = Reflect.get(call, "stream");
  const session: unknown = typeof stream === "object" && stream ? Reflect.get(stream, "session") : undefined;
  return isSession(session) ? session : undefined;
}

function isSession(value: unknown): value is Http2Session {
  return typeof value === "object" && value !== null && "socket" in value && "settings" in value;
}
