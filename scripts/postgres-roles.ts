import { randomBytes } from "node:crypto";
import { readServiceConfig, serverOf, variablePrefix } from "#mesh/config";
import { closeAdminDatabases, ensureServiceRole, serviceRoleScript } from "#mesh/db";
import { shopServices } from "./neighbours.ts";

/**
 * Gives each service of the shop a role that reaches its own database only, with a new password. Returns how each one
 * connects then, as the variables that they read: SHOP_ORDER_POSTGRES_URL. POSTGRES_URL must be an administrator's.
 */
export async function ensureRoles(env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const urls: Record<string, string> = {};
  for (const service of shopServices) {
    const { postgresUrl, databasePrefix } = readServiceConfig(service, env);
    const name = databasePrefix + databaseOf(serverOf(service, env));
    const password = randomBytes(24).toString("base64url");
    urls[`${variablePrefix(service)}_POSTGRES_URL`] = await ensureServiceRole(postgresUrl, { name, password });
    await closeAdminDatabases(postgresUrl);
  }
  return urls;
}

/** The same for an administrator, with the passwords as variables of psql: -v shop_order_password=… */
export function postgresRoles(): string {
  const names = shopServices.map((service) => databaseOf(serverOf(service, {})));
  return serviceRoleScript(names, (name) => `:'${name}_password'`);
}

function databaseOf(service: string): string {
  return service.replaceAll(".", "_");
}
