import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { eventually, silentLogger } from "#mesh/testing";
import { developmentCertificates, openDevelopmentAuthority } from "./development-certificates.ts";

const home = mkdtempSync(join(tmpdir(), "heddle-authority-"));
afterAll(() => rmSync(home, { recursive: true }));

const id = "spiffe://heddle.local/shop/order";
const leafOf = (pem: string | undefined) => new X509Certificate(pem ?? "");

test("certificates carry the id, lead to the authority and end soon", async () => {
  const folder = join(home, "issue");
  const authority = await openDevelopmentAuthority(folder);
  const issued = await authority.issue({ id, lifeMs: 3_600_000 });
  const [leaf, root] = [leafOf(issued.own?.chain), new X509Certificate(issued.authorities)];
  expect(leaf.subjectAltName).toMatch(/^URI:spiffe:\/\/heddle\.local\/shop\/order, DNS:localhost/);
  expect([leaf.checkIssued(root), leaf.verify(root.publicKey), leaf.ca, root.ca]).toEqual([true, true, false, true]);
  expect(Date.parse(leaf.validTo) - Date.now()).toBeLessThanOrEqual(3_600_000);
  expect(readFileSync(join(folder, "ca.crt"), "utf8")).toBe(issued.authorities);
  expect(readFileSync(join(folder, "ca.crt"), "utf8")).not.toContain("KEY");
  expect(statSync(join(folder, "authority.pem")).mode & 0o777).toBe(0o600);
});

test("processes that start at once share one authority", async () => {
  const folder = join(home, "race");
  const module = fileURLToPath(new URL("index.ts", import.meta.url));
  const program = `
    const { openDevelopmentAuthority } = await import(${JSON.stringify(module)});
    const authority = await openDevelopmentAuthority(${JSON.stringify(folder)});
    console.log(JSON.stringify(await authority.issue({ id: ${JSON.stringify(id)}, lifeMs: 60000 })));`;
  const starts = Array.from({ length: 4 }, () =>
    promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]),
  );
  const issued = (await Promise.all(starts)).map(({ stdout }) => JSON.parse(stdout));
  const root = new X509Certificate(readFileSync(join(folder, "ca.crt"), "utf8"));
  for (const { own, authorities } of issued) {
    expect(new X509Certificate(authorities).fingerprint256).toBe(root.fingerprint256);
    expect(leafOf(own.chain).verify(root.publicKey)).toBe(true);
  }
});

test("an authority that cannot be read or made is told with what to do", async () => {
  const file = join(home, "file");
  writeFileSync(file, "");
  await expect(openDevelopmentAuthority(join(file, "identity"))).rejects.toThrow(/HEDDLE_DATA.*HEDDLE_TLS_CERT/);
  writeFileSync(join(home, "authority.pem"), "half");
  await expect(openDevelopmentAuthority(home)).rejects.toThrow(/holds no CERTIFICATE; delete it/);
});

test("certificates are renewed before they end, and those who use them hear of it", async () => {
  const options = { name: "shop.order", trustDomain: "heddle.local", folder: join(home, "renew") };
  const source = developmentCertificates({ ...options, lifeMs: 2_000, log: silentLogger() });
  expect(() => source.current()).toThrow("shop.order has no certificate before its start");
  await source.start();
  try {
    const first = leafOf(source.current().own?.chain);
    const heard = Promise.withResolvers<void>();
    source.onChange(heard.resolve);
    await heard.promise;
    const second = leafOf(source.current().own?.chain);
    expect(second.serialNumber).not.toBe(first.serialNumber);
    expect(second.subjectAltName).toBe(first.subjectAltName);
    await eventually(() => expect(leafOf(source.current().own?.chain).serialNumber).not.toBe(second.serialNumber));
  } finally {
    await source.stop();
  }
});
