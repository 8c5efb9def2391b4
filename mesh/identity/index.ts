export { type AccessTokenOptions, type AccessTokenVerifier, accessTokenVerifier } from "./access-token-verifier.ts";
export type { Caller, User } from "./caller.ts";
export { type CertificateFilesOptions, certificateFiles } from "./certificate-files.ts";
export { type CertificateIdentityOptions, certificateIdentity, guestIdentity } from "./certificate-identity.ts";
export {
  type CertificateSlot,
  type CertificateSource,
  type Certificates,
  createCertificateSlot,
} from "./certificates.ts";
export type { DevelopmentAuthority } from "./development-authority.ts";
export {
  type DevelopmentCertificatesOptions,
  developmentCertificates,
  openDevelopmentAuthority,
} from "./development-certificates.ts";
export { type OpenIdentity, openGuest, openIdentity } from "./open-identity.ts";
export { type KeySource, keptKeys, type RemoteKeysOptions, remoteKeys } from "./remote-keys.ts";
export { type SecretIdentity, secretIdentity } from "./secret-identity.ts";
export type { ClientIdentity, ServiceIdentity, ShownByCaller, TlsIdentity } from "./service-identity.ts";
