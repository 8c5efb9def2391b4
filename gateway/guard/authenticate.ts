import type { MethodPolicy } from "#mesh/contract";
import type { AccessTokenVerifier } from "#mesh/identity";
import type { Exchange } from "../http/exchange.ts";
import { checkAccess } from "./edge-method.ts";
import type { Idempotency } from "./idempotency.ts";
import type { RateLimiter } from "./rate-limit.ts";

/**
 * Decides before the body is read whether a request may go on: its client must not have called too often, its token
 * must be good, where it has one, and the method's policy must admit the user. Throws ResourceExhausted,
 * Unauthenticated, PermissionDenied, or Unavailable while no key is known.
 */
export type Gate = (exchange: Exchange, policy: MethodPolicy) => Promise<void>;

/** What the gate asks besides tokens. */
export interface GateGuards {
  readonly limiter: RateLimiter;
  readonly idempotency: Idempotency;
}

/** Creates the gate. The services that are called check token and policy again. */
export function createGate(tokens: AccessTokenVerifier, { limiter, idempotency }: GateGuards): Gate {
  return async (exchange, policy) => {
    const { authorization } = exchange.request.headers;
    const limited = policy.rateLimits.length > 0;
    if (limited) await limiter.byAddress(exchange, policy);
    const user = authorization === undefined ? undefined : await tokens.verify(authorization);
    exchange.notes.explained = user?.roles.includes("admin") ?? false;
    if (limited) await limiter.byUser(exchange, policy, user);
    checkAccess(policy.access, policy.method, user);
    if (exchange.request.headers["idempotency-key"] !== undefined) idempotency.admit(exchange, policy, user);
  };
}
