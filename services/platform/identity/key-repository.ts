import { inArray, sql } from "drizzle-orm";
import type { Database } from "#mesh/db";
import { signingKey } from "./schema.ts";

/** A signing key as it is stored. */
export type StoredKey = typeof signingKey.$inferSelect;

/** What happens to the stored keys. */
export interface KeyChange {
  readonly add: readonly StoredKey[];
  readonly remove: readonly StoredKey[];
}

/** The signing keys of the service's own database. */
export type KeyRepository = ReturnType<typeof createKeyRepository>;

/** Makes the repository of the signing keys. */
export function createKeyRepository(database: Database) {
  return {
    /** Returns all keys. */
    list: (): Promise<StoredKey[]> => database.orm.select().from(signingKey),

    /** Changes the keys, one replica at a time, and returns what is stored then. */
    update: (decide: (keys: readonly StoredKey[]) => KeyChange): Promise<StoredKey[]> =>
      database.transaction(async (tx) => {
        await tx.execute(sql`lock table ${signingKey} in share row exclusive mode`);
        const { add, remove } = decide(await tx.select().from(signingKey));
        if (add.length > 0) {
          await tx.insert(signingKey).values([...add]);
        }
        const removed = remove.map(({ kid }) => kid);
        if (removed.length > 0) {
          await tx.delete(signingKey).where(inArray(signingKey.kid, removed));
        }
        return tx.select().from(signingKey);
      }),
  };
}
