import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { CertificateFiles } from "#mesh/config";
import { type Part, StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { type CertificateSource, type Certificates, createCertificateSlot } from "./certificates.ts";
import { serviceNamed, spiffeId } from "./spiffe-id.ts";

/** Which files hold certificates, and for whom. */
export interface CertificateFilesOptions {
  readonly files: CertificateFiles;
  /** Name of the service that the certificate must be for. */
  readonly name: string;
  readonly trustDomain: string;
  readonly log: Logger;
  /** Time between two looks at the files, in milliseconds. Default 10 s. */
  readonly intervalMs?: number;
}

/**
 * Certificates that cert-manager, SPIRE or a person puts into files, and replaces there. Its start throws a StartError
 * for files that cannot be used. Later on, files that cannot be used are logged once and leave those before in use.
 */
export function certificateFiles(options: CertificateFilesOptions): CertificateSource & Part {
  const { files, name, log, intervalMs = 10_000 } = options;
  const slot = createCertificateSlot(name);
  let seen = "";
  let timer: NodeJS.Timeout | undefined;

  // Looked at, not watched: mounted secrets are replaced by links to other folders, of which watchers hear nothing.
  function look(): void {
    const found = attempt(() => readFiles(files));
    const text = "value" in found ? JSON.stringify(found.value) : String(found.fault);
    // The same certificates, or the same fault, which is told once.
    if (text === seen) return;
    seen = text;
    const taken = "value" in found ? attempt(() => slot.replace(usable(found.value, options))) : found;
    if ("value" in taken) log.info({ certificate: files.certificate }, "took over new certificates");
    else log.error({ err: taken.fault }, "new certificates cannot be used: those before stay");
  }

  return {
    ...slot,
    name: "certificates",
    async start() {
      const read = readFiles(files);
      seen = JSON.stringify(read);
      slot.replace(usable(read, options));
      timer = setInterval(look, intervalMs).unref();
    },
    async stop() {
      clearInterval(timer);
    },
  };
}

/** The authorities of a file, for a guest. Throws a StartError when there are none. */
export function readAuthorities(path: string): Certificates {
  try {
    const authorities = readFileSync(path, "utf8");
    // A secure context takes a text without any certificate, too.
    createSecureContext({ ca: new X509Certificate(authorities).toString() });
    return { own: undefined, authorities };
  } catch (error) {
    throw new StartError(`${unusable(path, error).message}
Set HEDDLE_TLS_CA, or HEDDLE_DATA to the folder that the services have started with.`);
  }
}

interface ReadFiles extends Certificates {
  readonly own: { readonly chain: string; readonly key: string };
}

function readFiles({ certificate, key, authorities }: CertificateFiles): ReadFiles {
  return { own: { chain: read(certificate), key: read(key) }, authorities: read(authorities) };
}

/** Refuses files that are half written, do not belong together, or are for somebody else. */
function usable({ own, authorities }: ReadFiles, options: CertificateFilesOptions): Certificates {
  const { name, trustDomain, files } = options;
  let leaf: X509Certificate;
  try {
    createSecureContext({ cert: own.chain, key: own.key, ca: authorities });
    leaf = new X509Certificate(own.chain);
    // A secure context takes a text without any authority, too.
    new X509Certificate(authorities);
    if (Date.parse(leaf.validTo) < Date.now()) throw new Error(`it has expired on ${leaf.validTo}`);
  } catch (error) {
    throw unusable(files.certificate, error);
  }
  if (serviceNamed(trustDomain, leaf.subjectAltName) === name) return { own, authorities };
  const wanted = spiffeId(trustDomain, name);
  throw unusable(files.certificate, new Error(`it is for ${leaf.subjectAltName ?? "nobody"}, not for ${wanted}`));
}

function attempt<T>(work: () => T): { readonly value: T } | { readonly fault: unknown } {
  try {
    return { value: work() };
  } catch (fault) {
    return { fault };
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): StartError {
  return new StartError(`The certificate ${path} cannot be used: ${error instanceof Error ? error.message : error}`);
}
