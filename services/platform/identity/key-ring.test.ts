import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { expect, test } from "vitest";
import { silentLogger } from "#mesh/testing";
import { issueAccessToken } from "./access-token.ts";
import { toJsonWebKey } from "./handlers.ts";
import { createKeyRepository, type KeyRepository } from "./key-repository.ts";
import { createKeyRing, type KeyRing } from "./key-ring.ts";
import { createKeySeal } from "./key-seal.ts";
import { testDatabase } from "./test-database.ts";

const minuteMs = 60_000;
const schedule = { rotateAfterMs: 60 * minuteMs, announceAheadMs: 10 * minuteMs, keepMs: 20 * minuteMs };
const secret = "a secret of at least thirty-two characters";
const ada = { id: "ada", roles: ["customer"] };

interface World {
  readonly repository: KeyRepository;
  /** Minutes since the beginning. */
  at(minute: number): void;
  ring(meshSecret?: string): KeyRing;
  issue(ring: KeyRing): Promise<string>;
  /** Verifies as anybody would who has nothing but the published keys. */
  verify(token: string, ring: KeyRing): Promise<unknown>;
}

async function inWorld(work: (world: World) => Promise<void>): Promise<void> {
  await using database = await testDatabase();
  const beginMs = Date.parse("2026-01-01T00:00:00Z");
  let now = new Date(beginMs);
  const repository = createKeyRepository(database);
  await work({
    repository,
    at(minute) {
      now = new Date(beginMs + minute * minuteMs);
    },
    ring: (meshSecret = secret) =>
      createKeyRing({ repository, seal: createKeySeal(meshSecret), schedule, now: () => now, log: silentLogger() }),
    issue: async (ring) => (await issueAccessToken(ada, ring, { now, lifetimeMs: 15 * minuteMs })).token,
    async verify(token, ring) {
      const jwks = createLocalJWKSet({ keys: (await ring.publishedKeys()).map(toJsonWebKey) });
      const rules = { issuer: "heddle", audience: "heddle", algorithms: ["EdDSA"], currentDate: now };
      return (await jwtVerify(token, jwks, rules)).payload;
    },
  });
}

test("replicas that start at once agree on one key", () =>
  inWorld(async ({ ring, repository, issue, verify }) => {
    const rings = Array.from({ length: 5 }, () => ring());
    await Promise.all(rings.map((one) => one.turn()));
    expect(await repository.list()).toHaveLength(1);
    const [first, second] = rings;
    if (first && second) {
      expect(await verify(await issue(first), second)).toMatchObject({ sub: "ada", roles: ["customer"] });
    }
  }));

test("a key is announced, takes over on schedule, and the old one verifies until its last token expires", () =>
  inWorld(async ({ at, ring, issue, verify }) => {
    const keys = ring();
    await keys.turn();
    const first = keys.signingKey().kid;

    at(50);
    await keys.turn();
    expect(keys.signingKey().kid).toBe(first);
    expect((await keys.publishedKeys()).map(({ kid }) => kid)).toEqual([first, expect.any(String)]);

    at(59);
    const oldToken = await issue(keys);
    at(60);
    const newToken = await issue(keys);
    expect(decodeProtectedHeader(oldToken).kid).toBe(first);
    expect(decodeProtectedHeader(newToken).kid).not.toBe(first);

    at(73);
    await keys.turn();
    expect(await verify(oldToken, keys)).toMatchObject({ sub: "ada" });
    expect(await verify(newToken, keys)).toMatchObject({ sub: "ada" });

    at(80);
    await keys.turn();
    expect((await keys.publishedKeys()).map(({ kid }) => kid)).toEqual([keys.signingKey().kid]);
  }));

test("a replica that turned earlier learns the next key before it signs", () =>
  inWorld(async ({ at, ring, repository }) => {
    const [one, other] = [ring(), ring()];
    await one.turn();
    await other.turn();
    at(51);
    await one.turn();
    at(52);
    await other.turn();
    expect(await repository.list()).toHaveLength(2);
    at(61);
    expect(other.signingKey().kid).toBe(one.signingKey().kid);
  }));

test("private keys are not readable in the database, and never published", () =>
  inWorld(async ({ ring, repository }) => {
    const keys = ring();
    await keys.turn();
    const [stored] = await repository.list();
    const pkcs8 = keys.signingKey().privateKey.export({ format: "der", type: "pkcs8" });
    const sealed = Buffer.from(stored?.sealedPrivateKey ?? "", "base64url");
    expect(sealed.includes(pkcs8.subarray(-32))).toBe(false);
    const [jwk] = (await keys.publishedKeys()).map(toJsonWebKey);
    expect(Object.keys(jwk ?? {}).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
  }));

test("after a change of the mesh secret a new key signs at once and old tokens stay valid", () =>
  inWorld(async ({ at, ring, issue, verify }) => {
    const before = ring();
    await before.turn();
    const oldToken = await issue(before);
    at(5);
    const after = ring(`${secret}, changed`);
    await after.turn();
    const newToken = await issue(after);
    expect(decodeProtectedHeader(newToken).kid).not.toBe(decodeProtectedHeader(oldToken).kid);
    expect(await verify(oldToken, after)).toMatchObject({ sub: "ada" });
    expect(await verify(newToken, after)).toMatchObject({ sub: "ada" });
  }));

test("there is no signing key before the first turn", () =>
  inWorld(async ({ ring }) => {
    expect(() => ring().signingKey()).toThrow(/first turn/);
  }));
