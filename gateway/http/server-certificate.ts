import { readFileSync } from "node:fs";
import type { Server as TlsServer } from "node:tls";
import { createSecureContext } from "node:tls";
import { StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";

/** Files in PEM: the certificate with its chain, and its key. */
export interface ServerCertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** What a TLS server takes from them. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

const defaultIntervalMs = 10_000;

/** Reads certificate and key. Throws a StartError for files that cannot be read or do not belong together. */
export function readServerCertificate(files: ServerCertificateFiles): ServerCertificate {
  try {
    const read = { cert: readFileSync(files.certificate, "utf8"), key: readFileSync(files.key, "utf8") };
    createSecureContext(read);
    return read;
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new StartError(`The certificate ${files.certificate} with ${files.key} cannot be used: ${why}
Set GATEWAY_TLS_CERT and GATEWAY_TLS_KEY to files in PEM that belong together.`);
  }
}

/**
 * Looks at the files every `intervalMs` (default 10 s) and gives new ones to the server, for connections from then on. Files that cannot be
 * used are logged once, and those before stay. Returns what ends it.
 */
export function followCertificate(
  server: Pick<TlsServer, "setSecureContext">,
  files: ServerCertificateFiles,
  { log, intervalMs = defaultIntervalMs }: { readonly log: Logger; readonly intervalMs?: number },
): () => void {
  let seen = JSON.stringify(readServerCertificate(files));
  // Looked at, not watched: mounted secrets are replaced by links to other folders, of which watchers hear nothing.
  const look = () => {
    try {
      const read = readServerCertificate(files);
      if (JSON.stringify(read) === seen) return;
      seen = JSON.stringify(read);
      server.setSecureContext(read);
      log.info({ certificate: files.certificate }, "took over a new certificate");
    } catch (fault) {
      if (String(fault) === seen) return;
      seen = String(fault);
      log.error({ err: fault }, "a new certificate cannot be used: the one before stays");
    }
  };
  const timer = setInterval(look, intervalMs).unref();
  return () => clearInterval(timer);
}
