import { DrizzleQueryError } from "drizzle-orm/errors";
import { StartError } from "#mesh/process";

interface PostgresFault {
  readonly code: string;
  readonly constraint: string | undefined;
}

/** Codes with which a lost or refused connection shows: Node's, postgres.js's, and SQLSTATE classes 08, 53 and 57P. */
const unavailable =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|CONNECT_TIMEOUT|CONNECTION_(CLOSED|ENDED|DESTROYED)|08...|53...|57P0[1-5])$/;

/** The driver's error behind what drizzle throws: drizzle's own message would carry the parameters into the logs. */
export function driverError(error: unknown): unknown {
  return error instanceof DrizzleQueryError && error.cause !== undefined ? error.cause : error;
}

/** The SQLSTATE or driver code of an error, looked for along its causes. */
export function faultCode(error: unknown): string | undefined {
  return findFault(error)?.code;
}

/** Whether a row was refused because it exists already: SQLSTATE 23505, optionally of one named constraint. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const fault = findFault(error);
  return fault?.code === "23505" && (constraint === undefined || fault.constraint === constraint);
}

/** Whether the same transaction may succeed when it runs again: serialization failure or deadlock. */
export function isConflict(error: unknown): boolean {
  const code = faultCode(error);
  return code === "40001" || code === "40P01";
}

/** Whether the database is away, starting, stopping or out of connections, rather than the statement wrong. */
export function isUnavailable(error: unknown): boolean {
  return unavailable.test(faultCode(error) ?? "");
}

/** Turns a fault of reaching Postgres into a StartError with its mend; returns anything else as it is. */
export function explainConnectFault(error: unknown, url: string): unknown {
  const code = faultCode(error) ?? "";
  const { username, host } = describeUrl(url);
  if (code === "28P01") {
    return new StartError(`Postgres at ${host} refuses the password of "${username}": correct it in POSTGRES_URL.`);
  }
  if (code === "28000") {
    return new StartError(`Postgres at ${host} does not let "${username}" in: check POSTGRES_URL and pg_hba.conf.`);
  }
  if (code === "3D000") {
    return new StartError(`Postgres at ${host} has no database as named in POSTGRES_URL: name one that exists.`);
  }
  if (code === "42501") {
    return new StartError(
      `Postgres at ${host} does not let "${username}" create databases or tables: ` +
        `grant it (ALTER ROLE "${username}" CREATEDB), or create the database with "${username}" as its owner.`,
    );
  }
  if (unavailable.test(code)) {
    return new StartError(`Postgres does not answer at ${host} (${code}): start it, or set POSTGRES_URL.`);
  }
  return error;
}

function describeUrl(url: string): { username: string; host: string } {
  const { username, host } = new URL(url);
  return { username: decodeURIComponent(username), host };
}

function findFault(error: unknown): PostgresFault | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = "code" in cause ? cause.code : undefined;
    const constraint = "constraint_name" in cause ? cause.constraint_name : undefined;
    if (typeof code === "string") {
      return { code, constraint: typeof constraint === "string" ? constraint : undefined };
    }
    if (cause instanceof AggregateError && cause.errors.length > 0) {
      return findFault(cause.errors[0]);
    }
  }
  return undefined;
}
