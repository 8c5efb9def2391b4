import { join } from "node:path";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { createDatabase, driverError, isUnavailable } from "#mesh/db";
import { createWakeUp, type Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { TimeoutError, within } from "./within.ts";

/** What several gateways know together. */
export interface SharedDatabase extends Part {
  /** Its queries fail while Postgres is away. */
  readonly orm: PostgresJsDatabase;
}

/** Where the database is, and what is done with it from time to time. */
export interface SharedDatabaseOptions {
  readonly postgresUrl: string;
  readonly name: string;
  readonly poolSize: number;
  readonly log: Logger;
  /** Removes what has expired. */
  sweep(orm: PostgresJsDatabase): Promise<void>;
}

const sweepEveryMs = 60_000;
const retryEveryMs = 2_000;
const patienceMs = 5_000;

/**
 * Creates the database. Other than a service's, it need not be there when the gateway starts: the tables are made as soon
 * as Postgres is. start() throws a StartError for a login that is refused.
 */
export function createSharedDatabase(options: SharedDatabaseOptions): SharedDatabase {
  const { log, sweep } = options;
  const database = createDatabase({ ...options, migrations: [join(import.meta.dirname, "migrations")] });
  const wakeUp = createWakeUp();
  let ready = false;
  let stopping = false;
  let tending: Promise<void> | undefined;

  async function isAway(): Promise<boolean> {
    const lane = database.dedicated({ purpose: "probe" });
    try {
      // The driver itself tries on for ever where something takes its connection and closes it at once.
      await within(patienceMs, lane.query("select"));
      return false;
    } catch (error) {
      return error instanceof TimeoutError || isUnavailable(error);
    } finally {
      await lane.close(0);
    }
  }

  async function open(): Promise<void> {
    if (await isAway()) return;
    await database.start();
    ready = true;
  }

  async function tend(): Promise<void> {
    while (!stopping) {
      await wakeUp.wait(ready ? sweepEveryMs : retryEveryMs);
      if (stopping) return;
      await (ready ? sweep(database.orm) : open()).catch((error: unknown) => {
        log.debug({ err: driverError(error) }, "the shared database was not tended");
      });
    }
  }

  return {
    name: "shared database",
    orm: database.orm,
    async start() {
      stopping = false;
      await open();
      if (!ready) log.warn("the shared database is away: the gateway starts without it");
      tending = tend();
    },
    async stop() {
      stopping = true;
      wakeUp.wake();
      await tending;
      await database.stop();
    },
  };
}
