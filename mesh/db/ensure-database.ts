import { setTimeout } from "node:timers/promises";
import { type Lane, openLane } from "./lane.ts";
import { explainConnectFault, faultCode, isUnavailable } from "./postgres-fault.ts";

/** Codes of CREATE DATABASE when another process was faster. */
const existsAlready = ["42P04", "23505"];

/**
 * Creates the database if it is missing; safe when several processes do so at once.
 *
 * Waits up to `waitMs` for a server that is away or still starting. Throws StartError with the mend when it stays
 * away, refuses the login, or does not let the role create databases.
 */
export async function ensureDatabase(postgresUrl: string, name: string, waitMs: number): Promise<void> {
  const until = Date.now() + waitMs;
  for (;;) {
    try {
      return await createIfMissing(postgresUrl, name);
    } catch (error) {
      if (!isUnavailable(error) || Date.now() >= until) {
        throw explainConnectFault(error, postgresUrl);
      }
    }
    await setTimeout(100);
  }
}

async function createIfMissing(postgresUrl: string, name: string): Promise<void> {
  const lane = openLane(postgresUrl, { application: "heddle start", limits: false });
  try {
    const existing = await lane.query("select 1 from pg_database where datname = $1", [name]);
    if (existing.length === 0) {
      await create(lane, name);
    }
  } finally {
    await lane.close();
  }
}

async function create(lane: Lane, name: string): Promise<void> {
  // template0, since nobody can be connected to it: creation fails while somebody is connected to the template.
  await lane.query(`create database "${name.replaceAll('"', '""')}" template template0`).catch((error: unknown) => {
    if (!existsAlready.includes(faultCode(error) ?? "")) {
      throw error;
    }
  });
}
