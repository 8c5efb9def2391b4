import { renameSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createLogger } from "#mesh/telemetry";
import { eventually, type TestAuthority, testAuthority } from "#mesh/testing";
import { certificateFiles } from "./certificate-files.ts";
import type { Certificates } from "./certificates.ts";

const id = "spiffe://heddle.local/shop/order";

function sourceOf(authority: TestAuthority, certificates: Certificates) {
  const lines: { level: string; err?: { message: string } }[] = [];
  const log = createLogger({ name: "test", destination: { write: (line) => lines.push(JSON.parse(line)) } });
  const files = authority.write(certificates);
  const common = { files, name: "shop.order", trustDomain: "heddle.local", log, intervalMs: 5 };
  const source = certificateFiles(common);
  return { ...source, files, lines, [Symbol.asyncDispose]: () => source.stop() };
}

/** In one step, so that half of it is never read. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

test("replaced files are taken over", async () => {
  using authority = await testAuthority();
  const [first, second] = [await authority.issue(id), await authority.issue(id)];
  await using source = sourceOf(authority, first);
  await source.start();
  expect(source.current()).toEqual(first);
  const heard = Promise.withResolvers<void>();
  source.onChange(heard.resolve);
  authority.write(second);
  await heard.promise;
  await eventually(() => expect(source.current()).toEqual(second));
});

test("files that cannot be used leave those before in use, and are told once", async () => {
  using authority = await testAuthority();
  const [first, second] = [await authority.issue(id), await authority.issue(id)];
  await using source = sourceOf(authority, first);
  await source.start();
  const errors = () => source.lines.filter(({ level }) => level === "error").map(({ err }) => err?.message);
  replace(source.files.certificate, first.own?.chain.slice(0, 200) ?? "");
  await eventually(() => expect(errors()).toEqual([expect.stringContaining(source.files.certificate)]));
  replace(source.files.certificate, second.own?.chain ?? "");
  await eventually(() => expect(errors()).toHaveLength(2));
  expect(source.current()).toEqual(first);
  authority.write(second);
  await eventually(() => expect(source.current()).toEqual(second));
  // Each was looked at many times meanwhile.
  expect(errors()).toEqual([expect.any(String), expect.stringMatching(/key values mismatch/i)]);
});

test.each([
  ["of another service", async (authority: TestAuthority) => authority.issue("spiffe://heddle.local/shop/payment")],
  ["of another trust domain", async (authority: TestAuthority) => authority.issue("spiffe://other/shop/order")],
  ["that has expired", async (authority: TestAuthority) => authority.issue(id, -1_000)],
  ["without authorities", async (authority: TestAuthority) => ({ ...(await authority.issue(id)), authorities: "" })],
])("a start with a certificate %s is refused", async (_, issue) => {
  using authority = await testAuthority();
  await using source = sourceOf(authority, await issue(authority));
  await expect(source.start()).rejects.toThrow(`${source.files.certificate} cannot be used`);
});

test("a start without files is refused", async () => {
  const files = { certificate: "/nowhere/tls.crt", key: "/nowhere/tls.key", authorities: "/nowhere/ca.crt" };
  const log = createLogger({ name: "test", level: "silent" });
  const source = certificateFiles({ files, name: "shop.order", trustDomain: "heddle.local", log });
  await expect(source.start()).rejects.toThrow("/nowhere/tls.crt cannot be used: ENOENT");
});
