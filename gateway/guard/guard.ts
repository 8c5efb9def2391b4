import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { clientAddress } from "./client-address.ts";
import type { GuardConfig } from "./guard-config.ts";
import { createRateLimiter, type RateLimiter } from "./rate-limit.ts";
import { memoryRateLimitStore } from "./rate-limit-store.ts";
import { createSharedDatabase, type SharedDatabase } from "./shared-database.ts";
import { sharedRateLimitStore, sweepRateLimits } from "./shared-rate-limit-store.ts";

/** What the gateway remembers of its clients. It outlives an exchange of contracts. */
export interface Guard extends Part {
  readonly limiter: RateLimiter;
}

/** Creates the guard: in memory, or in a database where the configuration names one. */
export function createGuard(config: GuardConfig, log: Logger): Guard {
  const database = config.database && createSharedDatabase({ ...config.database, log, sweep: sweepRateLimits });
  const store = createStore(database, log);
  const limiter = createRateLimiter({
    store,
    clientAddress: clientAddress(config.proxies),
    factor: config.rateLimitFactor,
  });
  return {
    name: "guard",
    limiter,
    start: async () => database?.start(),
    stop: async () => database?.stop(),
  };
}

function createStore(database: SharedDatabase | undefined, log: Logger) {
  const local = memoryRateLimitStore(() => performance.now());
  return database ? sharedRateLimitStore({ orm: database.orm, local, log }) : local;
}
