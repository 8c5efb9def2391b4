import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { clientAddress } from "./client-address.ts";
import type { GuardConfig } from "./guard-config.ts";
import { createIdempotency, type Idempotency } from "./idempotency.ts";
import { memoryIdempotencyStore } from "./idempotency-store.ts";
import { createRateLimiter, type RateLimiter } from "./rate-limit.ts";
import { memoryRateLimitStore } from "./rate-limit-store.ts";
import { createSharedDatabase } from "./shared-database.ts";
import { sharedIdempotencyStore, sweepIdempotencyKeys } from "./shared-idempotency-store.ts";
import { sharedRateLimitStore, sweepRateLimits } from "./shared-rate-limit-store.ts";

/** What the gateway remembers of its clients. It outlives an exchange of contracts. */
export interface Guard extends Part {
  readonly limiter: RateLimiter;
  readonly idempotency: Idempotency;
}

/** Where the guard remembers. */
interface Memory {
  readonly rateLimits: Parameters<typeof createRateLimiter>[0]["store"];
  readonly answers: Parameters<typeof createIdempotency>[0]["store"];
  /** Undefined where nothing is to be opened. */
  readonly part: Part | undefined;
}

/** How long requests whose client has gone may run on when stopping, in milliseconds. */
const settleMs = 10_000;

/** Creates the guard: in memory, or in a database where the configuration names one. */
export function createGuard(config: GuardConfig, log: Logger): Guard {
  const memory = config.database ? sharedMemory(config.database, log) : ownMemory();
  const address = clientAddress(config.proxies);
  const limiter = createRateLimiter({
    store: memory.rateLimits,
    clientAddress: address,
    factor: config.rateLimitFactor,
  });
  const idempotency = createIdempotency({
    store: memory.answers,
    clientAddress: address,
    lifeMs: config.keptAnswersMs,
    log,
  });
  return {
    name: "guard",
    limiter,
    idempotency,
    start: async () => memory.part?.start(),
    async stop() {
      await idempotency.settled(settleMs);
      await memory.part?.stop();
    },
  };
}

function ownMemory(): Memory {
  const now = () => performance.now();
  return { rateLimits: memoryRateLimitStore(now), answers: memoryIdempotencyStore(now), part: undefined };
}

function sharedMemory(database: NonNullable<GuardConfig["database"]>, log: Logger): Memory {
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
