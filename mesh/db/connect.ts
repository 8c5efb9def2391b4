import postgres from "postgres";

/** Settings of one client of Postgres. */
export interface ConnectOptions {
  /** Shown in pg_stat_activity. */
  readonly application: string;
  /** Most connections. */
  readonly max: number;
  /** Called when a connection has closed, wanted or not. */
  readonly onClose?: () => void;
}

/** Longest duration of one statement, in milliseconds. */
const statementTimeoutMs = 20_000;
/** Longest wait for a lock, in milliseconds. */
const lockTimeoutMs = 5_000;
/** After this long without a statement Postgres ends an open transaction, in milliseconds. */
const idleTransactionTimeoutMs = 60_000;

/** Where names without a schema belong: a role that is called like a schema of ours would otherwise create them there. */
const searchPath = "public";

/** The same server, another database. */
export function databaseUrl(postgresUrl: string, name: string): string {
  const url = new URL(postgresUrl);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/** A pool of an application's connections, opened when they are needed, with limits on statements and locks. */
export function connectPool(url: string, options: ConnectOptions): postgres.Sql {
  return postgres(url, {
    max: options.max,
    connect_timeout: 5,
    idle_timeout: 300,
    onnotice: () => undefined,
    connection: {
      application_name: options.application,
      search_path: searchPath,
      statement_timeout: statementTimeoutMs,
      lock_timeout: lockTimeoutMs,
      idle_in_transaction_session_timeout: idleTransactionTimeoutMs,
    },
  });
}

/** One connection that stays open: for locks that live as long as it does. Nothing limits its statements. */
export function connectOne(url: string, options: Omit<ConnectOptions, "max">): postgres.Sql {
  return postgres(url, {
    max: 1,
    connect_timeout: 5,
    idle_timeout: 0,
    // The driver would otherwise end a connection after about an hour, and its locks with it.
    max_lifetime: null,
    onnotice: () => undefined,
    ...(options.onClose === undefined ? {} : { onclose: options.onClose }),
    connection: { application_name: options.application, search_path: searchPath },
  });
}
