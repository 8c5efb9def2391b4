import type { AccessTokenVerifier, ServiceIdentity } from "#mesh/identity";
import { textOf } from "../metadata.ts";
import type { Interceptor } from "../step.ts";

/**
 * Finds out who calls: the user by the access token in "authorization", the service by its certificate or, in plain
 * text, by the header "heddle-service". A call with neither comes from a stranger; one with a bad token or header is
 * refused, also by public methods.
 */
export function authenticate(tokens: AccessTokenVerifier, identity: ServiceIdentity): Interceptor {
  return (next) => async (call) => {
    const authorization = textOf(call.metadata, "authorization");
    const header = identity.tls ? undefined : textOf(call.metadata, "heddle-service");
    const certificate = identity.tls && call.peerCertificate;
    if (authorization || header || certificate) {
      const user = authorization ? await tokens.verify(authorization) : undefined;
      const service = await identity.callerOf({ header, certificate });
      call.caller = { user, service };
      call.authorization = authorization;
    }
    await next(call);
  };
}
