import { fileURLToPath } from "node:url";
import { readEnvironment, type ServiceConfig, variable } from "#mesh/config";
import { createDatabase } from "#mesh/db";
import { group, type Program } from "#mesh/process";
import { createLogger } from "#mesh/telemetry";
import { createProviderServer } from "./server.ts";

/** What the provider takes from its environment besides what every process does. */
export interface ProviderSettings {
  /** PAYMENT_PROVIDER_PORT, default 50061; 0 takes a free one. */
  readonly port: number;
  /** PAYMENT_PROVIDER_SLOW_MS: how long `pm_card_slow` takes, in milliseconds. Default 3 s. */
  readonly slowAnswerMs: number;
}

/** Where the provider lives. */
export type ProviderConfig = Pick<ServiceConfig, "host" | "postgresUrl" | "databasePrefix" | "logLevel" | "logFormat">;

/** Reads the provider's own variables. Throws a ConfigurationError that lists every fault. */
export function readProviderSettings(env?: NodeJS.ProcessEnv): ProviderSettings {
  const shape = { PAYMENT_PROVIDER_PORT: variable.port(50061), PAYMENT_PROVIDER_SLOW_MS: variable.durationMs(3_000) };
  const read = readEnvironment(shape, env);
  return { port: read.PAYMENT_PROVIDER_PORT, slowAnswerMs: read.PAYMENT_PROVIDER_SLOW_MS };
}

/** The test payment provider: an HTTP server on its own port with its own database. `url` is known once it started. */
export function paymentProvider(
  config: ProviderConfig,
  settings: ProviderSettings = readProviderSettings(),
): Program & { readonly url: string } {
  const { host, postgresUrl, databasePrefix, logLevel, logFormat } = config;
  const log = createLogger({ name: "shop.payment-provider", level: logLevel, format: logFormat });
  const database = createDatabase({
    postgresUrl,
    name: `${databasePrefix}shop_payment_provider`,
    migrations: [fileURLToPath(new URL("migrations", import.meta.url))],
    log,
  });
  const server = createProviderServer({ host, ...settings, database, log });
  return {
    ...group("payment provider", [database, server]),
    log,
    get url() {
      return server.url;
    },
  };
}
