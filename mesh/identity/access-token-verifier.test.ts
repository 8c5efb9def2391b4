import { Code, ConnectError } from "@connectrpc/connect";
import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from "jose";
import { expect, test } from "vitest";
import { accessTokenVerifier } from "./access-token-verifier.ts";
import type { KeySource } from "./remote-keys.ts";

interface Claims {
  readonly iss?: string;
  readonly aud?: string;
  readonly roles?: unknown;
  readonly expiresIn?: string;
}

async function issuer(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA");
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: "EdDSA", use: "sig" };
  const bearer = async (claims: Claims = {}) => {
    const token = new SignJWT({ roles: claims.roles ?? ["customer"] })
      .setProtectedHeader({ alg: "EdDSA", kid })
      .setIssuer(claims.iss ?? "heddle")
      .setAudience(claims.aud ?? "heddle")
      .setSubject("u-1")
      .setExpirationTime(claims.expiresIn ?? "15m");
    return `Bearer ${await token.sign(privateKey)}`;
  };
  return { jwk, bearer };
}

function counted(sets: JSONWebKeySet[]): KeySource & { calls: number } {
  const source = {
    calls: 0,
    async keys(options?: { fresh: boolean }) {
      source.calls++;
      if (options?.fresh && sets.length > 1) sets.shift();
      return sets[0] ?? { keys: [] };
    },
  };
  return source;
}

test("a valid token names the user; no header names nobody", async () => {
  const { jwk, bearer } = await issuer("k1");
  const verifier = accessTokenVerifier(counted([{ keys: [jwk] }]));
  expect(await verifier.verify(await bearer({ roles: ["admin"] }))).toEqual({ id: "u-1", roles: ["admin"] });
  for (const header of [undefined, null, ""]) expect(await verifier.verify(header)).toBeUndefined();
});

test("a verified token is remembered", async () => {
  const { jwk, bearer } = await issuer("k1");
  const keys = counted([{ keys: [jwk] }]);
  const verifier = accessTokenVerifier(keys);
  const header = await bearer();
  const user = await verifier.verify(header);
  expect(await verifier.verify(header)).toBe(user);
  expect(keys.calls).toBe(1);
});

test("an unknown key id fetches the keys again", async () => {
  const [old, rotated] = [await issuer("k1"), await issuer("k2")];
  const verifier = accessTokenVerifier(counted([{ keys: [old.jwk] }, { keys: [rotated.jwk, old.jwk] }]));
  expect(await verifier.verify(await rotated.bearer())).toMatchObject({ id: "u-1" });
  expect(await verifier.verify(await old.bearer())).toMatchObject({ id: "u-1" });
});

const { jwk, bearer } = await issuer("k1");
const forger = await issuer("k1");
const refusals: [string, string | Promise<string>, RegExp][] = [
  ["another issuer", bearer({ iss: "evil" }), /not valid/],
  ["another audience", bearer({ aud: "elsewhere" }), /not valid/],
  ["an expired token", bearer({ expiresIn: "-1m" }), /has expired/],
  ["roles that are no list", bearer({ roles: "admin" }), /not valid/],
  ["a forged signature", forger.bearer(), /not valid/],
  ["a key nobody knows", (await issuer("k9")).bearer(), /not valid/],
  ["basic authentication", "Basic YTpi", /must be "Bearer"/],
  ["a token that is no JWT", "Bearer abc", /must be "Bearer"/],
  ["the algorithm none", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.x", /not valid/],
];

test.each(refusals)("%s is refused", async (_, header, message) => {
  const verifier = accessTokenVerifier(counted([{ keys: [jwk] }]));
  const verified = Promise.resolve(verifier.verify(await header));
  const error = await verified.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConnectError);
  expect(error).toMatchObject({ code: Code.Unauthenticated, rawMessage: expect.stringMatching(message) });
});
