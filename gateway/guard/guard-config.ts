import { readEnvironment, variable } from "#mesh/config";
import type { Proxies } from "./client-address.ts";
import type { CorsOptions } from "./cors.ts";

/** How the edge is guarded, beyond what the contracts say. Frozen. */
export interface GuardConfig {
  readonly proxies: Proxies;
  /** Times what the rate limits of the contracts allow; 0 for no limits. */
  readonly rateLimitFactor: number;
  /** Requests under way at one time in this process. */
  readonly maxConcurrent: number;
  /** Of them, from one client address, in percent. */
  readonly clientShare: number;
  /** How long the answer to a request with an Idempotency-Key is kept, in milliseconds. */
  readonly keptAnswersMs: number;
  /** What pages of allowed origins may do. */
  readonly cors: Omit<CorsOptions, "origins">;
  /** Where several gateways count together; undefined: each for itself. */
  readonly database: { readonly postgresUrl: string; readonly name: string; readonly poolSize: number } | undefined;
}

/** What holds where nothing else is said. */
export const defaultGuard: GuardConfig = {
  proxies: { count: 0, header: "x-forwarded-for" },
  rateLimitFactor: 1,
  maxConcurrent: 10_000,
  clientShare: 50,
  keptAnswersMs: 86_400_000,
  cors: { headers: [], privateNetwork: false },
  database: undefined,
};

const headerName = /^[\w!#$%&'*+.^`|~-]+$/;

const shape = {
  GATEWAY_TRUSTED_PROXIES: variable
    .wholeNumber(0, { min: 0, max: 16 })
    .describe("proxies of one's own that every request passes"),
  GATEWAY_FORWARDED_HEADER: variable
    .oneOf(["x-forwarded-for", "forwarded"], "x-forwarded-for")
    .describe("header in which they name the client"),
  GATEWAY_RATE_LIMIT_FACTOR: variable
    .text("1")
    .refine((text) => /^\d{1,6}(\.\d{1,3})?$/.test(text), 'must be a number such as "1", "0.5" or "0" for no limits')
    .transform(Number)
    .describe("times what the rate limits of the contracts allow"),
  GATEWAY_MAX_CONCURRENT: variable
    .wholeNumber(10_000, { min: 1, max: 1_000_000 })
    .describe("requests under way at one time in one process"),
  GATEWAY_CLIENT_SHARE: variable
    .wholeNumber(50, { min: 1, max: 100 })
    .describe("percent of those that one client address may have"),
  GATEWAY_IDEMPOTENCY_LIFETIME: variable
    .durationMs(86_400_000)
    .describe("how long the answer to a request with an Idempotency-Key is kept"),
  GATEWAY_CORS_HEADERS: variable
    .text("")
    .refine(
      (text) => namesOf(text).every((name) => headerName.test(name)),
      "must be names of headers, with commas between",
    )
    .describe("headers that pages may send besides those that the gateway reads"),
  GATEWAY_CORS_PRIVATE_NETWORK: variable
    .flag(false)
    .describe("whether pages from the internet may call a gateway in a private network"),
  GATEWAY_POSTGRES_URL: variable.url().optional().describe("server of the database that several gateways share"),
};

/** Reads how the edge is guarded. Throws a ConfigurationError that lists every fault. */
export function readGuardConfig(
  common: { readonly databasePrefix: string; readonly poolSize: number },
  env?: NodeJS.ProcessEnv,
): GuardConfig {
  const read = readEnvironment(shape, env);
  const { GATEWAY_POSTGRES_URL: postgresUrl } = read;
  const { databasePrefix, poolSize } = common;
  return Object.freeze({
    proxies: { count: read.GATEWAY_TRUSTED_PROXIES, header: read.GATEWAY_FORWARDED_HEADER },
    maxConcurrent: read.GATEWAY_MAX_CONCURRENT,
    clientShare: read.GATEWAY_CLIENT_SHARE,
    keptAnswersMs: read.GATEWAY_IDEMPOTENCY_LIFETIME,
    cors: { headers: namesOf(read.GATEWAY_CORS_HEADERS), privateNetwork: read.GATEWAY_CORS_PRIVATE_NETWORK },
    rateLimitFactor: read.GATEWAY_RATE_LIMIT_FACTOR,
    database: postgresUrl ? { postgresUrl, name: `${databasePrefix}gateway`, poolSize } : undefined,
  });
}

function namesOf(text: string): string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
