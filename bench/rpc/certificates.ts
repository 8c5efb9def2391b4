import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDevelopmentAuthority } from "#mesh/identity";
import type { SharedSettings } from "./settings.ts";

/** Certificates for both sides, from an authority that nobody else knows. */
export async function issueCertificates(): Promise<NonNullable<SharedSettings["certificates"]>> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-bench-"));
  try {
    const authority = await openDevelopmentAuthority(folder);
    const issue = (path: string) => authority.issue({ id: `spiffe://heddle.local/${path}`, lifeMs: 3_600_000 });
    return { server: await issue("shop/order"), client: await issue("shop/cart") };
  } finally {
    await rm(folder, { recursive: true });
  }
}
