import { Code } from "@connectrpc/connect";
import { exportJWK, exportSPKI, generateKeyPair, type JSONWebKeySet, SignJWT } from "jose";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { accessTokenVerifier } from "./access-token-verifier.ts";
import { keptKeys } from "./remote-keys.ts";

const begin = new Date("2026-01-01T00:00:00Z");

// Only what time it is; timers and promises go on as ever.
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: begin }));
afterEach(() => void vi.useRealTimers());

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1_000);

/** Whoever signs tokens, with keys that can be exchanged. */
async function issuer() {
  const state = { fetches: 0, away: false, garbage: false, published: [] as string[] };
  const keys = new Map<string, Awaited<ReturnType<typeof keyPair>>>();
  const source = keptKeys(async (): Promise<JSONWebKeySet> => {
    state.fetches++;
    if (state.away) throw new Error("away");
    if (state.garbage) return { keys: "none" } as never;
    return { keys: state.published.flatMap((kid) => keys.get(kid)?.jwk ?? []) };
  });
  const rotate = async (...kids: string[]) => {
    for (const kid of kids) if (!keys.has(kid)) keys.set(kid, await keyPair(kid));
    state.published = kids;
  };
  const token = async (kid: string, claims: Record<string, unknown> = {}) => {
    const now = Math.floor(Date.now() / 1_000);
    const all = { iss: "heddle", aud: "heddle", sub: "ada", iat: now, exp: now + 900, ...claims };
    const key = keys.get(kid)?.privateKey ?? (await keyPair(kid)).privateKey;
    return `Bearer ${await new SignJWT(all).setProtectedHeader({ alg: "EdDSA", kid }).sign(key)}`;
  };
  await rotate("one");
  return { state, rotate, token, keys, verifier: accessTokenVerifier(source) };
}

async function keyPair(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA", { extractable: true });
  return { publicKey, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: "EdDSA", use: "sig" } };
}

const unauthenticated = { code: Code.Unauthenticated };

test("keys rotate: new ones are fetched when a token names them, old ones go with the next fetch", async () => {
  const { state, rotate, token, verifier } = await issuer();
  const old = await token("one");
  expect(await verifier.verify(old)).toMatchObject({ id: "ada" });
  await rotate("two");
  pass(10);
  expect(await verifier.verify(await token("two", { sub: "bob" }))).toMatchObject({ id: "bob" });
  expect(state.fetches).toBe(2);
  await expect(verifier.verify(await token("one", { sub: "carol" }))).rejects.toMatchObject(unauthenticated);
  // Verified before: remembered until it expires, and no longer.
  expect(await verifier.verify(old)).toMatchObject({ id: "ada" });
  pass(900);
  await expect(verifier.verify(old)).rejects.toMatchObject(unauthenticated);
});

test("a storm of made-up key ids costs one fetch in five seconds, and keeps nobody out", async () => {
  const { state, token, verifier } = await issuer();
  const good = await token("one");
  await verifier.verify(good);
  for (let second = 0; second < 20; second++) {
    pass(1);
    const forged = await Promise.all(Array.from({ length: 20 }, (_, n) => token(`made-up-${second}-${n}`)));
    const refused = await Promise.allSettled(forged.map((header) => verifier.verify(header)));
    expect(refused.every(({ status }) => status === "rejected")).toBe(true);
    expect(await verifier.verify(await token("one", { sub: `user-${second}` }))).toBeDefined();
  }
  expect(state.fetches).toBe(1 + 4);
});

test.each([
  ["expired for 4 s", { exp: -4 }, true],
  ["expired for 6 s", { exp: -6 }, false],
  ["good in 4 s", { nbf: 4 }, true],
  ["good in 6 s", { nbf: 6 }, false],
])("clocks may differ by five seconds: a token that is %s", async (_, offsets, good) => {
  const { token, verifier } = await issuer();
  const now = Math.floor(Date.now() / 1_000);
  const claims = Object.fromEntries(Object.entries(offsets).map(([claim, offset]) => [claim, now + offset]));
  const verified = verifier.verify(await token("one", claims));
  if (good) expect(await verified).toMatchObject({ id: "ada" });
  else await expect(verified).rejects.toMatchObject(unauthenticated);
});

test("aged keys are fetched beside the calls that use them, and an issuer that is away stops nobody", async () => {
  const { state, token, verifier } = await issuer();
  await verifier.verify(await token("one"));
  for (const fault of ["away", "garbage"] as const) {
    state[fault] = true;
    pass(601);
    expect(await verifier.verify(await token("one", { sub: fault }))).toMatchObject({ id: fault });
    state[fault] = false;
  }
  expect(state.fetches).toBe(3);
});

test("keys that nobody has asked for in a long time are fetched before they are believed again", async () => {
  const { rotate, token, verifier } = await issuer();
  await verifier.verify(await token("one"));
  await rotate("two");
  pass(7_200);
  await expect(verifier.verify(await token("one"))).rejects.toMatchObject(unauthenticated);
});

test("an issuer that has never answered is no reason to call a token bad", async () => {
  const { state, token, verifier } = await issuer();
  state.away = true;
  await expect(verifier.verify(await token("one"))).rejects.toMatchObject({ code: Code.Unavailable });
  state.away = false;
  expect(await verifier.verify(await token("one"))).toMatchObject({ id: "ada" });
});

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = { iss: "heddle", aud: "heddle", sub: "mallory", roles: ["admin"], exp: begin.getTime() / 1_000 + 900 };

test.each(["none", "None", "nOnE"])("a token that is not signed, by algorithm %s", async (alg) => {
  const { verifier } = await issuer();
  for (const signature of ["", "e30", encode({})]) {
    const header = `Bearer ${encode({ alg, kid: "one" })}.${encode(claims)}.${signature}`;
    await expect(verifier.verify(header)).rejects.toMatchObject(unauthenticated);
  }
});

test("the public key, passed off as a shared secret", async () => {
  const { verifier, keys } = await issuer();
  const { publicKey, jwk } = keys.get("one") ?? (await keyPair("one"));
  const raw = Buffer.from(String(jwk.x), "base64url");
  for (const secret of [raw, Buffer.from(String(jwk.x)), Buffer.from(await exportSPKI(publicKey))]) {
    for (const alg of ["HS256", "HS384", "HS512"]) {
      const signed = new SignJWT(claims).setProtectedHeader({ alg, kid: "one" });
      await expect(verifier.verify(`Bearer ${await signed.sign(secret)}`)).rejects.toMatchObject(unauthenticated);
    }
  }
});

test("a token that brings its own key, or names where to fetch it", async () => {
  const { state, verifier } = await issuer();
  const mallory = await keyPair("mallory");
  for (const own of [{ jwk: mallory.jwk }, { jku: "http://127.0.0.1:1/keys" }, { x5u: "http://127.0.0.1:1/x" }]) {
    const signed = new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", kid: "one", ...own });
    await expect(verifier.verify(`Bearer ${await signed.sign(mallory.privateKey)}`)).rejects.toMatchObject(
      unauthenticated,
    );
  }
  expect(state.fetches).toBe(1);
});

test.each([
  ["no subject", { sub: undefined }],
  ["no end", { exp: undefined }],
  ["another audience beside ours missing", { aud: ["others", "heddle-admin"] }],
  ["an issuer that begins like ours", { iss: "heddle.evil" }],
  ["roles that are no list of texts", { roles: [1] }],
])("a token with %s", async (_, claim) => {
  const { token, verifier } = await issuer();
  await expect(verifier.verify(await token("one", claim))).rejects.toMatchObject(unauthenticated);
});

test("a token in many spellings is remembered once", async () => {
  const { token, verifier } = await issuer();
  const header = await token("one");
  const [, text] = header.split(" ");
  const user = await verifier.verify(header);
  expect(await verifier.verify(header)).toBe(user);
  const spelled = await verifier.verify(`bearer   ${text}`);
  expect([spelled, await verifier.verify(`bearer   ${text}`)]).toEqual([user, user]);
  expect(await verifier.verify(`bearer   ${text}`)).not.toBe(spelled);
});
