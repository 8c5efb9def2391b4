import { Code, ConnectError } from "@connectrpc/connect";
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import type { User } from "./caller.ts";
import { createExpiringCache } from "./expiring-cache.ts";
import type { KeySource } from "./remote-keys.ts";

/** Checks access tokens. */
export interface AccessTokenVerifier {
  /**
   * Reads the user from an "authorization" header; undefined without one. The user of a token that is remembered needs
   * no waiting. Throws ConnectError Unauthenticated for anything but a valid bearer token, Unavailable when no key is
   * known.
   */
  verify(authorization: string | null | undefined): User | undefined | Promise<User | undefined>;
}

/** What a token must say. */
export interface AccessTokenOptions {
  /** Claim "iss"; "any": it is not looked at. Default "heddle". */
  readonly issuer?: string;
  /** Claim "aud", or several of which it has to name one. Default "heddle". */
  readonly audience?: string | readonly string[];
  /** How it may be signed (RFC 7518, section 3.1). Default EdDSA. */
  readonly algorithms?: readonly string[];
  /** Path of the claim that lists the user's roles, such as "realm_access.roles". Default "roles". */
  readonly rolesClaim?: string;
}

const REMEMBERED = 10_000;
const CLOCK_TOLERANCE_SECONDS = 5;
const BEARER = /^bearer +([\w-]+\.[\w-]+\.[\w-]+) *$/i;

type KeyFinder = ReturnType<typeof createLocalJWKSet>;

/**
 * Creates a verifier of signed JWTs (RFC 7519), by default with EdDSA (RFC 8037). The clocks of issuer and verifier may
 * differ by 5 s. A token that was verified once is remembered until it expires, even when its key is withdrawn before; a
 * key id that is not known makes the keys be fetched again.
 */
export function accessTokenVerifier(keys: KeySource, options: AccessTokenOptions = {}): AccessTokenVerifier {
  const rules = {
    ...(options.issuer !== "any" && { issuer: options.issuer ?? "heddle" }),
    audience: [options.audience ?? "heddle"].flat(),
    algorithms: [...(options.algorithms ?? ["EdDSA"])],
    requiredClaims: ["sub", "exp"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  };
  const rolesPath = (options.rolesClaim ?? "roles").split(".");
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
    const user = userOf(payload, rolesPath);
    // In one spelling only: a token must not take the place of others by coming in many.
    if (authorization === `Bearer ${token}`) remembered.set(authorization, user, (payload.exp ?? 0) * 1000);
    return user;
  }

  return {
    verify(authorization) {
      if (!authorization) return undefined;
      return remembered.get(authorization) ?? verifyHeader(authorization);
    },
  };
}

function userOf(payload: JWTPayload, rolesPath: readonly string[]): User {
  const { sub } = payload;
  const roles = rolesPath.reduce<unknown>((claim, step) => memberOf(claim, step), payload) ?? [];
  const listed = Array.isArray(roles) && roles.every((role) => typeof role === "string") ? roles : undefined;
  if (!sub || !listed) throw unauthenticated("the access token is not valid");
  return { id: sub, roles: listed };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

function throwUnauthenticated(error: unknown): never {
  if (error instanceof errors.JWTExpired) throw unauthenticated("the access token has expired", error);
  if (error instanceof errors.JOSEError) throw unauthenticated("the access token is not valid", error);
  throw error;
}

function unauthenticated(message: string, cause?: unknown): ConnectError {
  return new ConnectError(message, Code.Unauthenticated, undefined, undefined, cause);
}
