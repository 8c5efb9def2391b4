import { X509Certificate } from "node:crypto";
import { createSecureContext, type PeerCertificate, type SecureContext } from "node:tls";
import type { SecureOptions } from "#mesh/channel";
import type { Certificates, ClientIdentity } from "#mesh/identity";
import type { ChannelEnds } from "./grpc-credentials.ts";

/** How the mesh's own channel connects; undefined for plain text. Throws a TypeError under TLS without a server. */
export function secureOptions({ identity, server }: ChannelEnds): SecureOptions | undefined {
  const tls = identity?.tls;
  if (!tls) return undefined;
  if (!server) throw new TypeError("under TLS a channel must be told which service it calls");
  const check = tls.checkServer(server);
  return {
    context: () => contextOf(tls.certificates.current()),
    verifyPeer: (certificate) => check(server, certificate),
    serverName: server,
  };
}

/** What a caller would show under TLS, for calls that need no connection. */
export function ownCertificate(identity: ClientIdentity | undefined): PeerCertificate | undefined {
  const own = identity?.tls?.certificates.current().own;
  if (!own) return undefined;
  const parsed = parsedCertificates.get(own) ?? new X509Certificate(own.chain).toLegacyObject();
  parsedCertificates.set(own, parsed);
  return parsed;
}

const contexts = new WeakMap<Certificates, SecureContext>();
const parsedCertificates = new WeakMap<object, PeerCertificate>();

/** Making a context costs more than a handshake's own work, and all handshakes with the same certificates share it. */
function contextOf(certificates: Certificates): SecureContext {
  const { own, authorities } = certificates;
  const context =
    contexts.get(certificates) ??
    createSecureContext({ ca: authorities, ...(own && { cert: own.chain, key: own.key }) });
  contexts.set(certificates, context);
  return context;
}
