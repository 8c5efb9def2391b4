import { join, resolve } from "node:path";
import { z } from "zod";
import { readMeshSecret } from "./mesh-secret.ts";
import { ConfigurationError, readEnvironment } from "./read-environment.ts";
import { variable } from "./variable.ts";

/** By what the processes of a mesh know each other. */
export type Security =
  /** Certificates that each process issues for itself with the authority that lies in the data folder. */
  | { readonly kind: "development"; readonly trustDomain: string; readonly folder: string }
  /** Certificates that somebody else puts into files and renews there. */
  | { readonly kind: "files"; readonly trustDomain: string; readonly files: CertificateFiles }
  /** No TLS: a header that is signed with a secret that all share. Only on the loopback interface. */
  | { readonly kind: "plaintext"; readonly secret: string };

/** Paths of PEM files. */
export interface CertificateFiles {
  /** The process's certificate, followed by those that lead to an authority. */
  readonly certificate: string;
  readonly key: string;
  /** The authorities that are trusted. */
  readonly authorities: string;
}

/** The variables that `readSecurity` reads. */
export const securityVariables = {
  HEDDLE_TLS: variable.flag(true).describe("whether processes speak TLS with each other"),
  HEDDLE_TRUST_DOMAIN: z
    .string()
    // https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md, section 2.1
    .regex(/^[a-z0-9._-]{1,255}$/, "may have lower-case letters, digits, dots, - and _")
    .prefault("heddle.local")
    .describe("trust domain of the SPIFFE ids"),
  HEDDLE_TLS_CERT: z.string().optional().describe("PEM file with the certificate of this process"),
  HEDDLE_TLS_KEY: z.string().optional().describe("PEM file with the key of the certificate"),
  HEDDLE_TLS_CA: z.string().optional().describe("PEM file with the authorities that are trusted"),
  HEDDLE_DATA: variable.text(".data").describe("folder for what outlives the process"),
  HEDDLE_MESH_SECRET: z
    .string()
    .min(32, "must have at least 32 characters")
    .optional()
    .describe("the secret that all services share"),
};

type Values = { readonly [K in keyof typeof securityVariables]: z.infer<(typeof securityVariables)[K]> };

/**
 * Reads by what the process and its neighbours know each other: certificates from files where HEDDLE_TLS_CERT and its
 * siblings are set, else from the development authority in HEDDLE_DATA; plain text where HEDDLE_TLS is off.
 * Throws a ConfigurationError for what is wrong.
 */
export function readSecurity(env: NodeJS.ProcessEnv = process.env): Security {
  return securityOf(readEnvironment(securityVariables, env));
}

/** What `readSecurity` does, of values that were read with others. */
export function securityOf(values: Values): Security {
  const { HEDDLE_TRUST_DOMAIN: trustDomain, HEDDLE_DATA: data } = values;
  const files = [values.HEDDLE_TLS_CERT, values.HEDDLE_TLS_KEY, values.HEDDLE_TLS_CA];
  const [certificate, key, authorities] = files;
  if (!values.HEDDLE_TLS) {
    if (files.some(Boolean)) throw new ConfigurationError(["HEDDLE_TLS is off, but certificates are set: choose one"]);
    return { kind: "plaintext", secret: values.HEDDLE_MESH_SECRET ?? readMeshSecret(data) };
  }
  if (certificate && key && authorities)
    return { kind: "files", trustDomain, files: { certificate, key, authorities } };
  if (files.some(Boolean)) {
    throw new ConfigurationError([
      "HEDDLE_TLS_CERT, HEDDLE_TLS_KEY and HEDDLE_TLS_CA belong together: set all or none",
    ]);
  }
  return { kind: "development", trustDomain, folder: resolve(data, DEVELOPMENT_FOLDER) };
}

/** Folder of the development authority, within HEDDLE_DATA. */
const DEVELOPMENT_FOLDER = "identity";

/** Name of the file in which the development authority publishes its certificate. */
export const developmentAuthorityFile = "ca.crt";

/** What somebody needs who calls services and is none. */
export interface Trust {
  readonly trustDomain: string;
  /** Path of the PEM file with the authorities that services are verified with. */
  readonly authorities: string;
}

/** Reads what services are verified with: HEDDLE_TLS_CA, else what lies in HEDDLE_DATA. Undefined for plain text. */
export function readTrust(env: NodeJS.ProcessEnv = process.env): Trust | undefined {
  const { HEDDLE_TLS, HEDDLE_TRUST_DOMAIN, HEDDLE_TLS_CA, HEDDLE_DATA } = securityVariables;
  const read = readEnvironment({ HEDDLE_TLS, HEDDLE_TRUST_DOMAIN, HEDDLE_TLS_CA, HEDDLE_DATA }, env);
  if (!read.HEDDLE_TLS) return undefined;
  const made = join(resolve(read.HEDDLE_DATA, DEVELOPMENT_FOLDER), developmentAuthorityFile);
  return { trustDomain: read.HEDDLE_TRUST_DOMAIN, authorities: read.HEDDLE_TLS_CA ?? made };
}

/** Whether an address, with or without a port, can only be reached from this machine. */
export function isLoopback(address: string): boolean {
  const host = address.replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/^([^:]+):\d+$/, "$1");
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
