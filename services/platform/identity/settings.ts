import { z } from "zod";
import { readEnvironment, variable } from "#mesh/config";

const password = z.string().min(8, "must have at least 8 characters").max(128, "must have at most 128 characters");
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

const variables = {
  PLATFORM_IDENTITY_ACCESS_TOKEN_LIFETIME: atLeast(variable.durationMs(15 * minuteMs), 1_000),
  PLATFORM_IDENTITY_REFRESH_TOKEN_LIFETIME: atLeast(variable.durationMs(30 * dayMs), 1_000),
  PLATFORM_IDENTITY_KEY_ROTATION: atLeast(variable.durationMs(30 * dayMs), 60 * minuteMs),
  HEDDLE_ADMIN_PASSWORD: password.optional().describe("password of admin@heddle.local, who is created at start"),
  HEDDLE_DEMO_DATA: variable.flag(false).describe("whether demo data is created at start"),
};

/** What the identity service takes from its environment beyond what every service does. Durations in milliseconds. */
export interface IdentitySettings {
  /** Life of an access token. Default 15 minutes. */
  readonly accessTokenMs: number;
  /** Life of a refresh token. Default 30 days. */
  readonly refreshTokenMs: number;
  /** How long a key signs. Default 30 days, at least an hour. */
  readonly rotateAfterMs: number;
  /** Password of admin@heddle.local; without it that user is not created. */
  readonly adminPassword: string | undefined;
  /** Whether the demo user ada@heddle.local is created. Default false. */
  readonly demoData: boolean;
}

/** Reads the settings. Throws a ConfigurationError that lists every fault. */
export function readIdentitySettings(env?: NodeJS.ProcessEnv): IdentitySettings {
  const read = readEnvironment(variables, env);
  return Object.freeze({
    accessTokenMs: read.PLATFORM_IDENTITY_ACCESS_TOKEN_LIFETIME,
    refreshTokenMs: read.PLATFORM_IDENTITY_REFRESH_TOKEN_LIFETIME,
    rotateAfterMs: read.PLATFORM_IDENTITY_KEY_ROTATION,
    adminPassword: read.HEDDLE_ADMIN_PASSWORD,
    demoData: read.HEDDLE_DEMO_DATA,
  });
}

function atLeast(duration: ReturnType<typeof variable.durationMs>, leastMs: number) {
  return duration.refine((value) => value >= leastMs, `must be at least ${leastMs} ms`);
}
