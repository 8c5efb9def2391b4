import { isUnavailable } from "./postgres-fault.ts";

/** With what postgres.js asks for the types of arrays on each new connection. */
const typesQuery = "pg_catalog.pg_type";

let listening = false;

/**
 * Keeps a process alive that loses a connection at one certain moment.
 *
 * On a new connection postgres 3.4.9 asks for types before it sends what it was given, and awaits the answer where
 * nobody can catch its failure. A server that goes away then, and is still recovering when the driver is back, would
 * end the process by an unhandled rejection. Whoever waits for the statement itself hears of the fault as ever. Every
 * other rejection that nobody handles ends the process as before.
 */
export function outliveDriverFaults(): void {
  if (listening) return;
  listening = true;
  process.on("unhandledRejection", (reason) => {
    if (!isTypesQuery(reason)) throw reason;
  });
}

function isTypesQuery(reason: unknown): boolean {
  return (
    reason instanceof Error &&
    isUnavailable(reason) &&
    "query" in reason &&
    typeof reason.query === "string" &&
    reason.query.includes(typesQuery)
  );
}
