import type { AccessTokenVerifier, ServiceIdentity } from "#mesh/identity";
import { textOf } from "../metadata.ts";
import type { Interceptor } from "../step.ts";

/**
 * Finds out who calls: the user by the access token in "authorization", the service by its certificate or, in plain
 * text, by the header "heddle-service". A call with neither comes from a stranger; one with a bad token or header is
 * refused, also by public methods.
 */
export function authenticate(tokens: AccessTokenVerifier, identity: ServiceIdentity): Interceptor {
  return (next) => (call) => {
    const authorization = textOf(call.metadata, "authorization");
    const header = identity.tls ? undefined : textOf(call.metadata, "heddle-service");
    const certificate = identity.tls && call.peerCertificate;
    if (!authorization && !header && !certificate) return next(call);
    return whenKnown(authorization ? tokens.verify(authorization) : undefined, (user) =>
      whenKnown(identity.callerOf({ header, certificate }), (service) => {
        call.caller = { user, service };
        call.authorization = authorization;
        return next(call);
      }),
    );
  };
}

/** Goes on with a value at once, or when it has come: nearly every call shows what is remembered. */
function whenKnown<T>(value: T | Promise<T>, go: (value: T) => Promise<void>): Promise<void> {
  return value instanceof Promise ? value.then(go) : go(value);
}
