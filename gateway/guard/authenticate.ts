import type { MethodPolicy } from "#mesh/contract";
import type { AccessTokenVerifier } from "#mesh/identity";
import type { Exchange } from "../http/exchange.ts";
import { checkAccess } from "./edge-method.ts";

/**
 * Decides before the body is read whether a request may go on: its token must be good, where it has one, and the
 * method's policy must admit the user. Throws Unauthenticated, PermissionDenied, or Unavailable while no key is known.
 */
export type Gate = (exchange: Exchange, policy: MethodPolicy) => Promise<void>;

/** Creates the gate. The services that are called check the same again. */
export function createGate(tokens: AccessTokenVerifier): Gate {
  return async ({ request, notes }, { access, method }) => {
    const { authorization } = request.headers;
    const user = authorization === undefined ? undefined : await tokens.verify(authorization);
    notes.explained = user?.roles.includes("admin") ?? false;
    checkAccess(access, method, user);
  };
}
