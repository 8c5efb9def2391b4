export { readMeshSecret } from "./mesh-secret.ts";
export { ConfigurationError, readEnvironment } from "./read-environment.ts";
export {
  addressOf,
  readServiceConfig,
  type SelfDescription,
  type ServiceConfig,
  variablePrefix,
} from "./service-config.ts";
export { variable } from "./variable.ts";
