import { drizzle } from "drizzle-orm/postgres-js";
import type postgres from "postgres";
import { type ConnectOptions, connectOne } from "./connect.ts";
import { isUnavailable } from "./postgres-fault.ts";

/** A row as it comes: by column name, or a list of values where that is asked for. */
export type Row = Record<string, unknown>;

/**
 * One connection, from its opening to its end. It takes one statement at a time, and none once it has closed.
 *
 * The driver's own pool and transactions are not used. When a connection is lost inside a transaction, postgres 3.4.9
 * writes to the closed socket, which ends the process; or it runs the rest of the transaction on the connection that
 * follows, outside any transaction (porsager/postgres#1208, #1216). A lane never outlives its connection.
 */
export interface Lane {
  /** Whether the connection still stands, or has not been opened yet. */
  readonly alive: boolean;
  /** When the lane was made, in milliseconds since the epoch. */
  readonly since: number;
  /** Runs a statement after those before it. `$1` and so on stand for the parameters. */
  query<R extends Row = Row>(text: string, parameters?: readonly unknown[]): Promise<R[]>;
  /** The same, with rows as lists of values in the order of the columns. */
  values(text: string, parameters?: readonly unknown[]): Promise<unknown[][]>;
  /** Runs a command and returns its tag: Postgres answers a COMMIT that it could not grant with "ROLLBACK". */
  command(text: string): Promise<string>;
  /** Closes the connection, after the running statement or `waitMs` milliseconds. */
  close(waitMs?: number): Promise<void>;
}

/** Opens a lane; the connection itself is made with the first statement. */
export function openLane(url: string, options: ConnectOptions): Lane {
  let alive = true;
  let last: Promise<unknown> = Promise.resolve();
  let rejectRunning: ((error: Error) => void) | undefined;
  const sql = connectOne(url, {
    ...options,
    onClose() {
      alive = false;
      // A statement that was sent while the connection broke may otherwise never end.
      rejectRunning?.(closedError());
      options.onClose?.();
    },
  });
  // Drizzle converts times and JSON itself, and switches the driver's conversion off on the client it is given.
  drizzle(sql);

  function send<R extends Row>(text: string, parameters: readonly unknown[]) {
    // A prepared statement costs one round trip from its second use on, an unprepared one two.
    return sql.unsafe<R[]>(text, parameters.map(toParameter), { prepare: true });
  }

  async function run<T>(statement: () => PromiseLike<T>): Promise<T> {
    if (!alive) {
      throw closedError();
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    rejectRunning = reject;
    statement().then(resolve, reject);
    try {
      return await promise;
    } catch (error) {
      // A broken connection is known by its error before it is known to have closed.
      alive &&= !isUnavailable(error);
      throw error;
    } finally {
      rejectRunning = undefined;
    }
  }

  async function next<T>(statement: () => PromiseLike<T>): Promise<T> {
    const running = last.then(() => run(statement));
    // Whoever waits for the one before hears of its failure; the next one runs all the same.
    last = running.catch(() => undefined);
    return await running;
  }

  return {
    get alive() {
      return alive;
    },
    since: Date.now(),
    query: <R extends Row>(text: string, parameters: readonly unknown[] = []) =>
      next<R[]>(() => send<R>(text, parameters)),
    values: (text, parameters = []) => next(() => send(text, parameters).values()),
    command: (text) => next(async () => (await send(text, [])).command),
    async close(waitMs = 1_000) {
      await sql.end({ timeout: waitMs / 1_000 });
      alive = false;
    },
  };
}

function toParameter(value: unknown): postgres.ParameterOrJSON<never> {
  return value as postgres.ParameterOrJSON<never>;
}

function closedError(): Error {
  return Object.assign(new Error("the connection to Postgres is closed"), { code: "CONNECTION_CLOSED" });
}
