import { drizzle } from "drizzle-orm/postgres-js";
import type postgres from "postgres";
import { type ConnectOptions, connectOne } from "./connect.ts";
import { isUnavailable } from "./postgres-fault.ts";

/** A row as it comes: by column name, or a list of values where that is asked for. */
export type Row = Record<string, unknown>;

interface Statement {
  readonly text: string;
  readonly parameters: readonly unknown[];
}

/**
 * One connection, from its opening to its end. Statements run in the order in which they are given; one that is given
 * before the answer to another is sent at once, so several cost one round trip. None is taken once it has closed.
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
  let opened: Promise<postgres.ReservedSql> | undefined;
  const rejectRunning = new Set<(error: Error) => void>();
  const sql = connectOne(url, {
    ...options,
    onClose() {
      alive = false;
      // A statement that was sent while the connection broke may otherwise never end.
      for (const reject of rejectRunning) reject(closedError());
      options.onClose?.();
    },
  });
  // Drizzle converts times and JSON itself, and switches the driver's conversion off on the client it is given.
  drizzle(sql);

  /** Reserved, for what waits in a reservation ends with its connection: else the driver would send it on the next. */
  async function open(): Promise<postgres.ReservedSql> {
    try {
      await answerOf(() => sql.unsafe("select"));
    } catch (error) {
      alive = false;
      throw error;
    }
    return await sql.reserve();
  }

  function send<R extends Row>(connection: postgres.Sql, { text, parameters }: Statement) {
    // A prepared statement costs one round trip from its second use on, an unprepared one two.
    return connection.unsafe<R[]>(text, parameters.map(toParameter), { prepare: true });
  }

  async function run<T>(statement: (connection: postgres.Sql) => PromiseLike<T>): Promise<T> {
    opened ??= open();
    const connection = await opened;
    return await answerOf(() => statement(connection));
  }

  async function answerOf<T>(statement: () => PromiseLike<T>): Promise<T> {
    if (!alive) {
      throw closedError();
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    rejectRunning.add(reject);
    statement().then(resolve, reject);
    try {
      return await promise;
    } catch (error) {
      // A broken connection is known by its error before it is known to have closed.
      alive &&= !isUnavailable(error);
      throw error;
    } finally {
      rejectRunning.delete(reject);
    }
  }

  return {
    get alive() {
      return alive;
    },
    since: Date.now(),
    query: <R extends Row>(text: string, parameters: readonly unknown[] = []) =>
      run<R[]>((connection) => send<R>(connection, { text, parameters })),
    values: (text, parameters = []) => run((connection) => send(connection, { text, parameters }).values()),
    command: (text) => run(async (connection) => (await send(connection, { text, parameters: [] })).command),
    async close(waitMs = 1_000) {
      // The driver would wait for whoever has reserved the connection.
      void opened?.then(
        ({ release }) => release(),
        () => undefined,
      );
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
