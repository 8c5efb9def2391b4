import type { Security, Trust } from "#mesh/config";
import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { certificateFiles, readAuthorities } from "./certificate-files.ts";
import { certificateIdentity, guestIdentity } from "./certificate-identity.ts";
import { developmentCertificates } from "./development-certificates.ts";
import { secretIdentity } from "./secret-identity.ts";
import type { ClientIdentity, ServiceIdentity } from "./service-identity.ts";

/** A service's identity, and the part of its process that keeps it current. It starts before whatever calls. */
export interface OpenIdentity {
  readonly identity: ServiceIdentity;
  readonly part: Part;
}

/** Creates the identity of the service of a process, by certificates or, in plain text, by a secret. */
export function openIdentity(name: string, security: Security, log: Logger): OpenIdentity {
  if (security.kind === "plaintext") return { identity: secretIdentity(name, security.secret), part: NOTHING };
  const { trustDomain } = security;
  const common = { name, trustDomain, log };
  const certificates =
    security.kind === "files"
      ? certificateFiles({ ...common, files: security.files })
      : developmentCertificates({ ...common, folder: security.folder });
  return { identity: certificateIdentity(name, { certificates, trustDomain }), part: certificates };
}

/**
 * Creates the identity of a tool that is no service: it knows whom it calls and shows nothing of itself; undefined for
 * plain text. Throws a StartError when the authorities that it trusts cannot be read.
 */
export function openGuest(trust: Trust | undefined): ClientIdentity | undefined {
  if (!trust) return undefined;
  const held = readAuthorities(trust.authorities);
  const certificates = { current: () => held, onChange: () => () => {} };
  return guestIdentity({ certificates, trustDomain: trust.trustDomain });
}

const NOTHING: Part = { name: "identity", async start() {}, async stop() {} };
