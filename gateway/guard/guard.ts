import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { createClientOf } from "./client-address.ts";
import { type Concurrency, createConcurrency } from "./concurrency.ts";
import type { GuardConfig } from "./guard-config.ts";
import { createIdempotency, type Idempotency } from "./idempotency.ts";
import { type IdempotencyStore, memoryIdempotencyStore } from "./idempotency-store.ts";
import { createRateLimiter, type RateLimiter } from "./rate-limit.ts";
import { memoryRateLimitStore, type RateLimitStore } from "./rate-limit-store.ts";

/** What the gateway remembers of its clients. It outlives an exchange of contracts. */
export interface Guard extends Part {
  readonly limiter: RateLimiter;
  readonly idempotency: Idempotency;
  readonly concurrency: Concurrency;
  readonly cors: GuardConfig["cors"];
}

/** Where the guard remembers. */
export interface GuardMemory {
  readonly rateLimits: RateLimitStore;
  readonly answers: IdempotencyStore;
  /** Undefined where nothing is to be opened. */
  readonly part: Part | undefined;
}

/** How long requests whose client has gone may run on when stopping, in milliseconds. */
const settleMs = 10_000;

/** Creates the guard. It remembers in this process where it is given nothing else. */
export function createGuard(config: GuardConfig, log: Logger, memory: GuardMemory = ownMemory()): Guard {
  const clientOf = createClientOf(config.proxies);
  const limiter = createRateLimiter({
    store: memory.rateLimits,
    clientOf,
    factor: config.rateLimitFactor,
  });
  const idempotency = createIdempotency({
    store: memory.answers,
    clientOf,
    lifeMs: config.keptAnswersMs,
    log,
  });
  return {
    name: "guard",
    limiter,
    idempotency,
    concurrency: createConcurrency({
      limit: config.maxConcurrent,
      clientShare: config.clientShare,
      clientOf,
    }),
    cors: config.cors,
    start: async () => memory.part?.start(),
    async stop() {
      await idempotency.settled(settleMs);
      await memory.part?.stop();
    },
  };
}

function ownMemory(): GuardMemory {
  const now = () => performance.now();
  return { rateLimits: memoryRateLimitStore(now), answers: memoryIdempotencyStore(now), part: undefined };
}
