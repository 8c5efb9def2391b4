export { createDiscovery, type Discovery, type DiscoveryOptions } from "./create-discovery.ts";
export { type DnsOptions, dnsSource } from "./dns-source.ts";
export { bareInstance, type Instance } from "./instance.ts";
export { createRegistrar, type Registrar, type Registration } from "./registrar.ts";
export { createRegistry, type KnownInstance, type Registry, type RegistryTimes, registryBucket } from "./registry.ts";
export type { Publish, Source } from "./source.ts";
export { staticSource } from "./static-source.ts";
export { readTarget, type Target, targetForms } from "./target.ts";
