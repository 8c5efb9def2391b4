export { readMeshSecret } from "./mesh-secret.ts";
export { ConfigurationError, readEnvironment } from "./read-environment.ts";
export {
  type CertificateFiles,
  developmentAuthorityFile,
  readSecurity,
  readTrust,
  type Security,
  type Trust,
} from "./security.ts";
export {
  addressOf,
  readServiceConfig,
  type SelfDescription,
  type ServiceConfig,
  serverOf,
  variablePrefix,
  withLogin,
} from "./service-config.ts";
export { variable } from "./variable.ts";
