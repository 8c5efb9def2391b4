import { resolve } from "node:path";
import { z } from "zod";
import { readEnvironment, variable } from "#mesh/config";

/** What `npm start` itself takes from the environment. */
export interface StartSettings {
  /** Absolute folder for everything that outlives the process. */
  readonly dataFolder: string;
  readonly postgresPort: number;
  readonly natsPort: number;
  /** Set when an existing server is used instead of one of our own. */
  readonly postgresUrl: string | undefined;
  readonly natsUrl: string | undefined;
}

/** Reads the settings of the start. Throws a ConfigurationError that lists every fault. */
export function readStartSettings(env: NodeJS.ProcessEnv): StartSettings {
  const read = readEnvironment(
    {
      HEDDLE_DATA: variable.text(".data"),
      HEDDLE_POSTGRES_PORT: variable.port(54_329),
      HEDDLE_NATS_PORT: variable.port(42_229),
      POSTGRES_URL: z.string().optional(),
      NATS_URL: z.string().optional(),
    },
    env,
  );
  return {
    dataFolder: resolve(read.HEDDLE_DATA),
    postgresPort: read.HEDDLE_POSTGRES_PORT,
    natsPort: read.HEDDLE_NATS_PORT,
    postgresUrl: read.POSTGRES_URL,
    natsUrl: read.NATS_URL,
  };
}

/**
 * Returns the environment with what is the rule on one machine: readable logs of what matters, demo data, and a known
 * password for the administrator. What is set stays.
 */
export function localEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const adminPassword = env.HEDDLE_ADMIN_PASSWORD_FILE ? {} : { HEDDLE_ADMIN_PASSWORD: "heddle-admin" };
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value));
  return { LOG_LEVEL: "warn", LOG_FORMAT: "pretty", HEDDLE_DEMO_DATA: "true", ...adminPassword, ...set };
}
