export { type AccessTokenOptions, type AccessTokenVerifier, accessTokenVerifier } from "./access-token-verifier.ts";
export type { Caller, User } from "./caller.ts";
export { type KeySource, type RemoteKeysOptions, remoteKeys } from "./remote-keys.ts";
export { type ServiceIdentity, serviceIdentity } from "./service-identity.ts";
