import postgres from "postgres";
import { outliveDriverFaults } from "./driver-faults.ts";

/** Settings of one connection. */
export interface ConnectOptions {
  /** Shown in pg_stat_activity. */
  readonly application: string;
  /** Ends statements, waits for locks and idle transactions that take too long. Default true. */
  readonly limits?: boolean;
  /** Postgres ends the connection when it hears nothing for this long, in milliseconds. Default never. */
  readonly longestSilenceMs?: number | undefined;
  /** Called when the connection has closed, wanted or not. */
  readonly onClose?: () => void;
}

const limits = {
  /** Longest duration of one statement, in milliseconds. */
  statement_timeout: 20_000,
  /** Longest wait for a lock, in milliseconds. */
  lock_timeout: 5_000,
  /** After this long without a statement Postgres ends an open transaction, in milliseconds. */
  idle_in_transaction_session_timeout: 60_000,
};

/** Where names without a schema belong: the tables of a role called "heddle" would else land in the mesh's own schema. */
const searchPath = "public";

/** The same server, another database. */
export function databaseUrl(postgresUrl: string, name: string): string {
  const url = new URL(postgresUrl);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/** A client of one connection, opened when it is needed and kept until it is ended. */
export function connectOne(url: string, options: ConnectOptions): postgres.Sql {
  outliveDriverFaults();
  return postgres(url, {
    max: 1,
    connect_timeout: 5,
    // The driver would end a connection of some age between two statements of a transaction.
    idle_timeout: 0,
    max_lifetime: null,
    onnotice: () => undefined,
    ...(options.onClose === undefined ? {} : { onclose: options.onClose }),
    connection: {
      application_name: options.application,
      search_path: searchPath,
      ...(options.limits === false ? {} : limits),
      ...(options.longestSilenceMs === undefined ? {} : { idle_session_timeout: options.longestSilenceMs }),
    },
  });
}
