import { connect, isIP, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import type { Address, SecureOptions } from "./options.ts";

/** Starts to connect, with TLS where it is asked for. */
export function openSocket({ host, port }: Address, secure: SecureOptions | undefined): Socket {
  // Small frames would wait for each other's acknowledgement.
  const common = { host, port, noDelay: true };
  if (!secure) return connect(common);
  const { serverName = isIP(host) ? undefined : host, verifyPeer } = secure;
  const socket = connectSecurely({
    ...common,
    secureContext: secure.context(),
    ALPNProtocols: ["h2"],
    ...(serverName && { servername: serverName }),
    ...(verifyPeer && { checkServerIdentity: (_, certificate) => verifyPeer(certificate) }),
  });
  // gRPC over TLS is HTTP/2 agreed on by ALPN; a server that agreed on nothing would speak HTTP/1 (RFC 9113, 3.2).
  socket.once("secureConnect", () => {
    if (socket.alpnProtocol !== "h2") socket.destroy(new Error("the server did not agree on HTTP/2"));
  });
  return socket;
}
