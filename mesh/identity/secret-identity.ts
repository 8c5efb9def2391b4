import { Code, ConnectError } from "@connectrpc/connect";
import { errors, jwtVerify, SignJWT } from "jose";
import { createExpiringCache } from "./expiring-cache.ts";
import type { ServiceIdentity } from "./service-identity.ts";

/** Identity by a secret, in plain text. */
export interface SecretIdentity extends ServiceIdentity {
  readonly tls: undefined;
  header(): string | Promise<string>;
}

const LIFE_SECONDS = 300;
const RENEW_AFTER_MS = (LIFE_SECONDS / 2) * 1000;
const CLOCK_TOLERANCE_SECONDS = 5;
const AUDIENCE = "heddle-mesh";
const REMEMBERED = 1_000;

/**
 * Identity by a secret that all services of a mesh share, for plain text on one machine: a JWT signed with HS256 that
 * lives five minutes and is renewed at half of that. Whoever holds the secret can speak for any service.
 */
export function secretIdentity(name: string, secret: string): SecretIdentity {
  const key = new TextEncoder().encode(secret);
  const remembered = createExpiringCache<string>(REMEMBERED);
  let current: string | undefined;
  let renewAtMs = 0;
  let signing: Promise<string> | undefined;

  async function sign(): Promise<string> {
    try {
      const token = new SignJWT().setProtectedHeader({ alg: "HS256" }).setIssuer(name).setAudience(AUDIENCE);
      current = await token.setExpirationTime(`${LIFE_SECONDS}s`).sign(key);
      renewAtMs = Date.now() + RENEW_AFTER_MS;
      return current;
    } finally {
      signing = undefined;
    }
  }

  async function verifyToken(token: string): Promise<string> {
    const rules = { audience: AUDIENCE, algorithms: ["HS256"], requiredClaims: ["iss", "exp"] };
    const { payload } = await jwtVerify(token, key, { ...rules, clockTolerance: CLOCK_TOLERANCE_SECONDS }).catch(
      refuse,
    );
    const service = payload.iss ?? "";
    remembered.set(token, service, (payload.exp ?? 0) * 1000);
    return service;
  }

  return {
    name,
    tls: undefined,
    header() {
      if (current && Date.now() < renewAtMs) return current;
      signing ??= sign();
      return signing;
    },
    callerOf({ header }) {
      if (!header) return undefined;
      return remembered.get(header) ?? verifyToken(header);
    },
  };
}

function refuse(error: unknown): never {
  if (!(error instanceof errors.JOSEError)) throw error;
  const message = 'the header "heddle-service" is not valid: do both services use the same HEDDLE_MESH_SECRET?';
  throw new ConnectError(message, Code.Unauthenticated, undefined, undefined, error);
}
