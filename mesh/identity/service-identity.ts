import type { PeerCertificate } from "node:tls";
import type { CertificateSource } from "./certificates.ts";

/** How one who calls shows who it is. */
export interface ClientIdentity {
  /** What connections are made with; undefined for plain text. */
  readonly tls: TlsIdentity | undefined;
  /**
   * Value of the header "heddle-service" for outgoing calls, a string once it is known, so that calls need not wait.
   * Undefined where certificates show who calls.
   */
  header(): string | Promise<string> | undefined;
}

/** How a service shows to others who it is, and finds out who they are. */
export interface ServiceIdentity extends ClientIdentity {
  /** Name of this service, such as "shop.order". */
  readonly name: string;
  /** Name of the service that calls, undefined for none. Throws ConnectError Unauthenticated for a forged one. */
  callerOf(shown: ShownByCaller): string | undefined | Promise<string | undefined>;
}

/** What a call shows of the one who makes it. */
export interface ShownByCaller {
  /** Value of the header "heddle-service". */
  readonly header: string | undefined;
  /** The certificate of the connection's other end, if a trusted authority has issued it. */
  readonly certificate: PeerCertificate | undefined;
}

/** TLS between services: certificates, and who may be at the other end. */
export interface TlsIdentity {
  readonly certificates: CertificateSource;
  /** Whether there is no certificate of one's own among them. */
  readonly guest: boolean;
  /**
   * The check of a server's certificate in place of that of its host name, as tls.connect takes it: the certificate
   * must name the service. The same function for the same service.
   */
  checkServer(service: string): (host: string, certificate: PeerCertificate) => Error | undefined;
}
