import { Code, ConnectError } from "@connectrpc/connect";
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import type { User } from "./caller.ts";
import { createExpiringCache } from "./expiring-cache.ts";
import type { KeySource } from "./remote-keys.ts";

/** Checks access tokens. */
export interface AccessTokenVerifier {
  /**
   * Reads the user from an "authorization" header; undefined without one. Throws ConnectError Unauthenticated for
   * anything but a valid bearer token, Unavailable when no key is known.
   */
  verify(authorization: string | null | undefined): Promise<User | undefined>;
}

/** What a token must say. */
export interface AccessTokenOptions {
  /** Claim "iss". Default "heddle". */
  readonly issuer?: string;
  /** Claim "aud". Default "heddle". */
  readonly audience?: string;
}

const REMEMBERED = 10_000;
const CLOCK_TOLERANCE_SECONDS = 5;
const BEARER = /^bearer +([\w-]+\.[\w-]+\.[\w-]+) *$/i;

type KeyFinder = ReturnType<typeof createLocalJWKSet>;

/**
 * Creates a verifier of JWTs signed with EdDSA (RFC 8037). A token that was verified once is remembered until it
 * expires; a key id that is not known makes the keys be fetched again.
 */
export function accessTokenVerifier(keys: KeySource, options: AccessTokenOptions = {}): AccessTokenVerifier {
  const rules = {
    issuer: options.issuer ?? "heddle",
    audience: options.audience ?? "heddle",
    algorithms: ["EdDSA"],
    requiredClaims: ["sub", "exp"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  };
  const remembered = createExpiringCache<User>(REMEMBERED);
  const finders = new WeakMap<JSONWebKeySet, KeyFinder>();

  function finderOf(set: JSONWebKeySet): KeyFinder {
    const finder = finders.get(set) ?? createLocalJWKSet(set);
    finders.set(set, finder);
    return finder;
  }

  async function payloadOf(token: string): Promise<JWTPayload> {
    const known = await keys.keys();
    try {
      return (await jwtVerify(token, finderOf(known), rules)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const fresh = await keys.keys({ fresh: true });
      if (fresh === known) throw error;
      return (await jwtVerify(token, finderOf(fresh), rules)).payload;
    }
  }

  async function verifyHeader(authorization: string): Promise<User> {
    const token = BEARER.exec(authorization)?.[1];
    if (!token) throw unauthenticated('the header "authorization" must be "Bearer" and an access token');
    const payload = await payloadOf(token).catch(throwUnauthenticated);
    const user = userOf(payload);
    remembered.set(authorization, user, (payload.exp ?? 0) * 1000);
    return user;
  }

  return {
    async verify(authorization) {
      if (!authorization) return undefined;
      return remembered.get(authorization) ?? verifyHeader(authorization);
    },
  };
}

function userOf({ sub, roles = [] }: JWTPayload): User {
  const listed = Array.isArray(roles) && roles.every((role) => typeof role === "string") ? roles : undefined;
  if (!sub || !listed) throw unauthenticated("the access token is not valid");
  return { id: sub, roles: listed };
}

function throwUnauthenticated(error: unknown): never {
  if (error instanceof errors.JWTExpired) throw unauthenticated("the access token has expired", error);
  if (error instanceof errors.JOSEError) throw unauthenticated("the access token is not valid", error);
  throw error;
}

function unauthenticated(message: string, cause?: unknown): ConnectError {
  return new ConnectError(message, Code.Unauthenticated, undefined, undefined, cause);
}
