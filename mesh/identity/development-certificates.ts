import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { type CertificateSource, createCertificateSlot } from "./certificates.ts";
import type { DevelopmentAuthority } from "./development-authority.ts";
import { spiffeId } from "./spiffe-id.ts";

/** For whom certificates are issued, and by which authority. */
export interface DevelopmentCertificatesOptions {
  /** Name of the service. */
  readonly name: string;
  readonly trustDomain: string;
  /** Folder of the development authority. */
  readonly folder: string;
  readonly log: Logger;
  /** How long a certificate counts, in milliseconds; it is renewed at half of that. Default one hour. */
  readonly lifeMs?: number;
}

/** Opens the authority of a folder, as `openAuthority` of development-authority.ts does. */
export async function openDevelopmentAuthority(folder: string): Promise<DevelopmentAuthority> {
  // Loaded here, because production takes its certificates from files and needs none of it.
  const { openAuthority } = await import("./development-authority.ts");
  return openAuthority(folder);
}

/**
 * Certificates that the process issues for itself with the development authority, and renews. Its start throws a
 * StartError when the authority can neither be read nor made.
 */
export function developmentCertificates(options: DevelopmentCertificatesOptions): CertificateSource & Part {
  const { name, log, lifeMs = 3_600_000 } = options;
  const id = spiffeId(options.trustDomain, name);
  const slot = createCertificateSlot(name);
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function issue(): Promise<void> {
    const authority = await openDevelopmentAuthority(options.folder);
    slot.replace(await authority.issue({ id, lifeMs }));
  }

  /** A renewal that fails is tried again well before the certificate ends. */
  function renewAfter(delayMs: number): void {
    if (stopped) return;
    timer = setTimeout(() => {
      issue().then(
        () => {
          log.debug({ id }, "renewed the certificate");
          renewAfter(lifeMs / 2);
        },
        (error: unknown) => {
          log.error({ err: error, id }, "the certificate could not be renewed");
          renewAfter(lifeMs / 20);
        },
      );
    }, delayMs);
    timer.unref();
  }

  return {
    ...slot,
    name: "certificates",
    async start() {
      stopped = false;
      await issue();
      renewAfter(lifeMs / 2);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
