import { randomBytes } from "node:crypto";
import { readServiceConfig, serverOf, variablePrefix } from "#mesh/config";
import { closeAdminDatabases, ensureServiceRole, serviceRoleScript } from "#mesh/db";
import { shopServices } from "./neighbours.ts";

/**
 * Gives each service of the shop a role that reaches its own database only, with a new password. Returns how each one
 * connects then, as the variables that they read: SHOP_ORDER_POSTGRES_URL. POSTGRES_URL must be an administrator's.
 */
export async function ensureRoles(env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const adminUrl = env.POSTGRES_URL ?? "";
  const given = shopServices.map(async (service) => {
    const variable = `${variablePrefix(service)}_POSTGRES_URL`;
    const name = readServiceConfig(service, env).databasePrefix + databaseOf(serverOf(service, env));
    const password = randomBytes(24).toString("base64url");
    return [variable, env[variable] || (await ensureServiceRole(adminUrl, { name, password }))] as const;
  });
  const urls = Object.fromEntries(await Promise.all(given));
  await closeAdminDatabases(adminUrl);
  return urls;
}

/** The roles of the services, which are named for their databases. */
export const postgresRoleNames: readonly string[] = shopServices.map((service) => databaseOf(serverOf(service, {})));

/** The same for an administrator, with the passwords as variables of psql: -v shop_order_password=… */
export function postgresRoles(names = postgresRoleNames): string {
  return serviceRoleScript(names, (name) => `:'${name}_password'`);
}

function databaseOf(service: string): string {
  return service.replaceAll(".", "_");
}
