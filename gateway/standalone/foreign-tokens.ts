import { Code, ConnectError } from "@connectrpc/connect";
import type { JSONWebKeySet } from "jose";
import { z } from "zod";
import { type AccessTokenVerifier, accessTokenVerifier, keptKeys } from "#mesh/identity";
import type { AuthConfig } from "./config.ts";

/** Signatures by which a public key proves who has signed: no token can pass off a public key as a shared secret. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** The verifier of a gateway where nobody has to sign in: tokens are left to the servers. */
export const noTokens: AccessTokenVerifier = { verify: async () => undefined };

/**
 * Creates a verifier of an issuer's access tokens, with keys that are fetched by HTTP and kept: from the set's URL, or
 * from where the issuer's OpenID configuration says (OpenID Connect Discovery 1.0, section 4).
 */
export function foreignTokens(auth: AuthConfig): AccessTokenVerifier {
  const keys = keptKeys((timeoutMs) => fetchKeys(auth, AbortSignal.timeout(timeoutMs)));
  const { issuer = "any", audiences: audience, rolesClaim } = auth;
  return accessTokenVerifier(keys, { issuer, audience, algorithms, rolesClaim });
}

async function fetchKeys({ jwksUrl, issuer = "" }: AuthConfig, signal: AbortSignal): Promise<JSONWebKeySet> {
  const url = jwksUrl ?? (await discover(issuer, signal));
  const answer = await fetchJson(url, signal);
  if (isKeySet(answer)) return answer;
  throw new ConnectError(`${url} is no JSON Web Key Set`, Code.Unavailable);
}

async function discover(issuer: string, signal: AbortSignal): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const found = openIdConfiguration.safeParse(await fetchJson(url, signal));
  if (!found.success) throw new ConnectError(`${url} is no OpenID configuration`, Code.Unavailable);
  const { issuer: itself, jwks_uri: jwksUri } = found.data;
  if (itself !== issuer)
    throw new ConnectError(`${url} is of issuer "${itself}", not of "${issuer}"`, Code.Unavailable);
  return jwksUri;
}

const openIdConfiguration = z.object({ issuer: z.string(), jwks_uri: z.string() });

async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  const answer = await fetch(url, { signal, redirect: "error", headers: { accept: "application/json" } });
  if (!answer.ok) throw new ConnectError(`${url} has answered ${answer.status}`, Code.Unavailable);
  return answer.json();
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return typeof value === "object" && value !== null && "keys" in value && Array.isArray(value.keys);
}
