import { setTimeout } from "node:timers/promises";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { faultPoint } from "#mesh/fault";
import { driverError, isConflict } from "./postgres-fault.ts";

/** An open transaction. Whoever writes takes one as its argument, so that nothing is written outside. */
export type Transaction = Parameters<Parameters<PostgresJsDatabase["transaction"]>[0]>[0];

const attempts = 4;

const callbacksOf = new WeakMap<Transaction, (() => void)[]>();

/**
 * Runs `work` in a transaction (READ COMMITTED), up to 3 times again when it meets a deadlock or a serialization
 * failure, and then the callbacks that it left with afterCommit.
 *
 * `work` may run more than once: it changes nothing but the transaction. Throws what `work` or the driver throws.
 */
export async function runTransaction<T>(orm: PostgresJsDatabase, work: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(orm, work);
    } catch (error) {
      if (attempt === attempts || !isConflict(error)) {
        throw driverError(error);
      }
    }
    // Two that met once must not meet again in step.
    await setTimeout(Math.random() * 10 * 2 ** attempt);
  }
}

/** Calls `callback` once the transaction has committed, and never when it rolls back. It must not throw. */
export function afterCommit(tx: Transaction, callback: () => void): void {
  const callbacks = callbacksOf.get(tx);
  if (callbacks === undefined) {
    throw new Error("afterCommit takes the transaction that Database.transaction opened, not one nested in it");
  }
  callbacks.push(callback);
}

async function runOnce<T>(orm: PostgresJsDatabase, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const callbacks: (() => void)[] = [];
  const result = await orm.transaction(async (tx) => {
    callbacksOf.set(tx, callbacks);
    const worked = await work(tx);
    await faultPoint("transaction.worked");
    return worked;
  });
  await faultPoint("transaction.committed");
  for (const callback of callbacks) {
    callback();
  }
  return result;
}
