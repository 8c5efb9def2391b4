import type { AccessTokenVerifier, ServiceIdentity } from "#mesh/identity";
import { textOf } from "../metadata.ts";
import type { Interceptor } from "../step.ts";

/**
 * Finds out who calls: the user by the access token in "authorization", the service by "heddle-service". A call with
 * neither comes from a stranger; one with a bad token or header is refused, also by public methods.
 */
export function authenticate(tokens: AccessTokenVerifier, identity: ServiceIdentity): Interceptor {
  return (next) => async (call) => {
    const authorization = textOf(call.metadata, "authorization");
    const header = textOf(call.metadata, "heddle-service");
    if (authorization || header) {
      const user = authorization ? await tokens.verify(authorization) : undefined;
      const service = header ? await identity.verify(header) : undefined;
      call.caller = { user, service };
      call.authorization = authorization;
    }
    await next(call);
  };
}
