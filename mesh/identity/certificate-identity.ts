import type { PeerCertificate } from "node:tls";
import type { CertificateSource } from "./certificates.ts";
import type { ClientIdentity, ServiceIdentity, TlsIdentity } from "./service-identity.ts";
import { serviceNamed, spiffeId } from "./spiffe-id.ts";

/** Where certificates come from, and whose names they carry. */
export interface CertificateIdentityOptions {
  readonly certificates: CertificateSource;
  readonly trustDomain: string;
}

/** Identity by certificates that name services by SPIFFE ids. A header says nothing here. */
export function certificateIdentity(name: string, options: CertificateIdentityOptions): ServiceIdentity {
  const names = new WeakMap<PeerCertificate, { readonly service: string | undefined }>();
  return {
    name,
    tls: tlsIdentity(options, { guest: false }),
    header: () => undefined,
    callerOf({ certificate }) {
      if (!certificate) return undefined;
      let known = names.get(certificate);
      if (!known) {
        known = { service: serviceNamed(options.trustDomain, certificate.subjectaltname) };
        names.set(certificate, known);
      }
      return known.service;
    },
  };
}

/** Identity of somebody who is no service, yet knows whom it calls: a person's tool. */
export function guestIdentity(options: CertificateIdentityOptions): ClientIdentity {
  return { tls: tlsIdentity(options, { guest: true }), header: () => undefined };
}

type ServerCheck = ReturnType<TlsIdentity["checkServer"]>;

function tlsIdentity(options: CertificateIdentityOptions, { guest }: { guest: boolean }): TlsIdentity {
  const checks = new Map<string, ServerCheck>();
  return {
    certificates: options.certificates,
    guest,
    checkServer(service) {
      const check = checks.get(service) ?? serverCheck(options.trustDomain, service);
      checks.set(service, check);
      return check;
    },
  };
}

function serverCheck(trustDomain: string, service: string): ServerCheck {
  const wanted = spiffeId(trustDomain, service);
  return (_host, { subjectaltname }) => {
    if (serviceNamed(trustDomain, subjectaltname) === service) return undefined;
    return new Error(`the server should be ${wanted}, but its certificate is for ${subjectaltname || "nobody"}`);
  };
}
