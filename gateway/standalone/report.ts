import type { Logger } from "#mesh/telemetry";
import type { Edge } from "../edge.ts";
import type { StandaloneConfig } from "./config.ts";

/** Logs what is served, what of it has no REST form, and that nobody has to sign in where that is so. */
export function reportSetup({ auth, listen }: StandaloneConfig, edge: Edge | undefined, log: Logger): void {
  if (!edge) return;
  const services = edge.services.map(({ service }) => service);
  const withRest = new Set(edge.table.routes.map(({ policy }) => policy.method));
  const withoutRest = services
    .flatMap(({ methods }) => methods)
    .filter((method) => !withRest.has(method))
    .map(({ parent, name }) => `${parent.typeName}/${name}`);
  const served = services.map(({ typeName }) => typeName);
  log.info({ services: served, routes: edge.table.routes.length, withoutRest }, "serving");
  if (withoutRest.length > 0) log.info("methods without REST are called by Connect, gRPC-Web and gRPC alone");
  if (!auth)
    log.warn({ host: listen.host }, "no auth is set up: every method is open to whoever can reach the gateway");
}
