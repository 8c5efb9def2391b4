import type { Logger } from "#mesh/telemetry";
import type { GuardMemory } from "./guard.ts";
import type { GuardConfig } from "./guard-config.ts";
import { memoryRateLimitStore } from "./rate-limit-store.ts";
import { createSharedDatabase } from "./shared-database.ts";
import { sharedIdempotencyStore, sweepIdempotencyKeys } from "./shared-idempotency-store.ts";
import { sharedRateLimitStore, sweepRateLimits } from "./shared-rate-limit-store.ts";

/** What several gateways remember together, in the database that the configuration names; undefined where it names none. */
export function sharedMemory({ database }: GuardConfig, log: Logger): GuardMemory | undefined {
  if (!database) return undefined;
  const part = createSharedDatabase({
    ...database,
    log,
    async sweep(orm) {
      await sweepRateLimits(orm);
      await sweepIdempotencyKeys(orm);
    },
  });
  const { orm } = part;
  const local = memoryRateLimitStore(() => performance.now());
  return { rateLimits: sharedRateLimitStore({ orm, local, log }), answers: sharedIdempotencyStore(orm), part };
}
