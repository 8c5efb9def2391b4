import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, rootCertificates } from "node:tls";
import type { SecureOptions } from "#mesh/channel";
import type { TlsConfig } from "./config.ts";

/** The content of the PEM files that a channel needs. */
export interface TlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
}

/** Reads the files of a TLS setup. Throws an Error that names the file for one that cannot be read or used. */
export function readTlsFiles({ ca, client, serverName }: TlsConfig): TlsFiles {
  const files = {
    ca: ca && readFileSync(ca, "utf8"),
    cert: client && readFileSync(client.cert, "utf8"),
    key: client && readFileSync(client.key, "utf8"),
    serverName,
  };
  try {
    // Node takes authorities that are none for none at all.
    if (files.ca !== undefined) new X509Certificate(files.ca);
    contextOf(files);
  } catch (cause) {
    const paths = [ca, client?.cert, client?.key].filter((path) => path !== undefined).join(", ");
    throw new Error(`${paths}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  return files;
}

/** How a channel connects with them. The server's certificate has to have the name, else the host of its address. */
export function secureOptionsOf(files: TlsFiles): SecureOptions {
  const context = contextOf(files);
  return { context: () => context, ...(files.serverName && { serverName: files.serverName }) };
}

function contextOf({ ca, cert, key }: TlsFiles) {
  return createSecureContext({ ca: ca ?? [...rootCertificates], ...(cert && key && { cert, key }) });
}
