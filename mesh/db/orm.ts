import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import type { Lane } from "./lane.ts";
import type { UseLane } from "./lane-pool.ts";

/** Drizzle on lanes: each statement, and each transaction as a whole, runs on a lane of its own. */
export function createOrm(use: UseLane): PostgresJsDatabase {
  // Never connected: drizzle is given the calls that it makes, and they go to a lane.
  const client = postgres({ max: 1 });
  return drizzle(
    Object.assign(client, {
      unsafe: (text: string, parameters: readonly unknown[] = []) => statement(use, text, parameters),
      begin: <T>(work: (client: object) => Promise<T>) => use((lane) => runOnLane(lane, work)),
    }),
  );
}

/** A promise of rows, as the driver gives it: asking for values at once changes what it will bring. */
function statement(use: UseLane, text: string, parameters: readonly unknown[]) {
  let asValues = false;
  const rows: Promise<unknown[]> = Promise.resolve().then(() =>
    use<unknown[]>((lane) => (asValues ? lane.values(text, parameters) : lane.query(text, parameters))),
  );
  const values = () => {
    asValues = true;
    return rows;
  };
  return Object.assign(rows, { values });
}

async function runOnLane<T>(lane: Lane, work: (client: object) => Promise<T>): Promise<T> {
  const failures: unknown[] = [];
  // Answered together with the first statement. It fails only with its connection, on which nothing runs after it.
  const begun = lane.query("begin");
  begun.catch(() => undefined);
  let result: T;
  try {
    result = await work(laneClient(lane, failures));
    await begun;
  } catch (error) {
    // A lane that cannot even roll back must not be used again.
    await lane.query("rollback").catch(() => lane.close(0));
    throw error;
  }
  if ((await lane.command("commit")) === "ROLLBACK") {
    // The work passed over an error that had ended its transaction.
    throw failures[0];
  }
  return result;
}

/** What drizzle calls inside a transaction. Errors of statements are noted in `failures`. */
function laneClient(lane: Lane, failures: unknown[]): object {
  let savepoints = 0;
  const note = (error: unknown): never => {
    failures.push(error);
    throw error;
  };
  const client = {
    unsafe: (text: string, parameters: readonly unknown[] = []) =>
      statement((work) => work(lane).catch(note), text, parameters),
    async savepoint<T>(work: (nested: object) => Promise<T>): Promise<T> {
      const name = `s${savepoints++}`;
      await lane.query(`savepoint ${name}`);
      try {
        const result = await work(client);
        await lane.query(`release savepoint ${name}`);
        return result;
      } catch (error) {
        await lane.query(`rollback to savepoint ${name}`);
        throw error;
      }
    },
  };
  return client;
}
