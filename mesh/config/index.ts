export { readMeshSecret } from "./mesh-secret.ts";
export { ConfigurationError, readEnvironment } from "./read-environment.ts";
export {
  authoritiesOf,
  type CertificateFiles,
  developmentAuthorityFile,
  readSecurity,
  type Security,
} from "./security.ts";
export { addressOf, readServiceConfig, type ServiceConfig, serverOf, variablePrefix } from "./service-config.ts";
export { variable } from "./variable.ts";
