// Must run before @peculiar/x509, whose container of parsers uses it.
import "reflect-metadata";
import { createPrivateKey, type KeyObject, webcrypto } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { developmentAuthorityFile } from "#mesh/config";
import { StartError } from "#mesh/process";
import type { Certificates } from "./certificates.ts";

/** Whom a certificate is for. */
export interface CertificateRequest {
  /** The SPIFFE id. */
  readonly id: string;
  /** How long it counts, in milliseconds. */
  readonly lifeMs: number;
}

/** Issues certificates for development: whoever can read its folder can issue one for any service. */
export interface DevelopmentAuthority {
  issue(request: CertificateRequest): Promise<Certificates>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const AUTHORITY_LIFE_MS = 10 * 365 * 24 * 3_600_000;
/** Clocks of one machine agree; those of containers on several may not quite. */
const BACKDATED_MS = 60_000;

/**
 * Opens the authority of a folder. Creates it first when there is none: its key is readable by the owner only, its
 * certificate lies beside it as ca.crt. Several processes may do so at once. Throws a StartError when it cannot.
 */
export async function openAuthority(folder: string): Promise<DevelopmentAuthority> {
  const path = join(folder, "authority.pem");
  try {
    const pem = readIfThere(path) ?? (await create(path));
    return authorityOf(pem, folder);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(`The development authority ${path} can neither be read nor made: ${why}
Set HEDDLE_DATA to a folder that can be written, or HEDDLE_TLS_CERT, HEDDLE_TLS_KEY and HEDDLE_TLS_CA.`);
  }
}

async function authorityOf(pem: string, folder: string): Promise<DevelopmentAuthority> {
  const certificate = new X509Certificate(blockOf(pem, "CERTIFICATE"));
  const key = await importKey(createPrivateKey(blockOf(pem, "PRIVATE KEY")));
  const authorities = `${certificate.toString("pem")}\n`;
  publish(join(folder, developmentAuthorityFile), authorities);
  const issuer = { issuer: certificate.subject, signingKey: key, signingAlgorithm: ALGORITHM };
  const link = await AuthorityKeyIdentifierExtension.create(certificate);
  return {
    async issue({ id, lifeMs }) {
      const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
      const now = Date.now();
      const issued = await X509CertificateGenerator.create({
        ...issuer,
        publicKey: keys.publicKey,
        notBefore: new Date(now - BACKDATED_MS),
        notAfter: new Date(now + lifeMs),
        extensions: [link, ...leafExtensions(id)],
      });
      return { authorities, own: { chain: issued.toString("pem"), key: await exportKey(keys.privateKey) } };
    },
  };
}

function leafExtensions(id: string): Extension[] {
  return [
    // Services look at the id only; tools from outside, such as grpcurl, at the host.
    new SubjectAlternativeNameExtension([
      { type: "url", value: id },
      { type: "dns", value: "localhost" },
      { type: "ip", value: "127.0.0.1" },
      { type: "ip", value: "::1" },
    ]),
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
  ];
}

/** Writes beside and links: whoever comes second finds the first one's authority, and nobody ever reads half of it. */
async function create(path: string): Promise<string> {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.${webcrypto.randomUUID()}`;
  writeFileSync(draft, await newAuthority(), { mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(path, "utf8");
}

async function newAuthority(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const now = Date.now();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Heddle development authority",
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + AUTHORITY_LIFE_MS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${await exportKey(keys.privateKey)}\n${certificate.toString("pem")}\n`;
}

/** Tools need the certificate only, without the key beside it. */
function publish(path: string, authorities: string): void {
  if (readIfThere(path) === authorities) return;
  const draft = `${path}.${process.pid}.${webcrypto.randomUUID()}`;
  writeFileSync(draft, authorities, { mode: 0o644 });
  renameSync(draft, path);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function importKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const bytes = key.export({ format: "der", type: "pkcs8" });
  return webcrypto.subtle.importKey("pkcs8", new Uint8Array(bytes), ALGORITHM, false, ["sign"]);
}

function blockOf(pem: string, label: string): string {
  const [block] = new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(pem) ?? [];
  if (!block) throw new Error(`it holds no ${label}; delete it`);
  return block;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
