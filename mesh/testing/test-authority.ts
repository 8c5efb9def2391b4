import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CertificateSlot,
  type Certificates,
  createCertificateSlot,
  openDevelopmentAuthority,
} from "#mesh/identity";

/** An authority in a folder of its own. */
export interface TestAuthority extends Disposable {
  readonly folder: string;
  /** Issues a certificate for a SPIFFE id. Default life one hour. */
  issue(id: string, lifeMs?: number): Promise<Certificates>;
  /** The same, as a source whose certificates the test replaces. */
  slot(id: string): Promise<CertificateSlot>;
  /** Writes certificates as PEM files, and returns their paths. */
  write(certificates: Certificates): { certificate: string; key: string; authorities: string };
}

/** Creates an authority that is deleted at the end. Use with `using`. */
export async function testAuthority(): Promise<TestAuthority> {
  const folder = mkdtempSync(join(tmpdir(), "heddle-authority-"));
  const authority = await openDevelopmentAuthority(folder);
  const issue = (id: string, lifeMs = 3_600_000) => authority.issue({ id, lifeMs });
  return {
    folder,
    issue,
    async slot(id) {
      const slot = createCertificateSlot(id);
      slot.replace(await issue(id));
      return slot;
    },
    write({ own, authorities }) {
      const file = (name: string, text = "") => {
        const path = join(folder, name);
        // In one step: whoever watches the file never reads half of it.
        writeFileSync(`${path}.new`, text);
        renameSync(`${path}.new`, path);
        return path;
      };
      return {
        certificate: file("tls.crt", own?.chain),
        key: file("tls.key", own?.key),
        authorities: file("trust.crt", authorities),
      };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
