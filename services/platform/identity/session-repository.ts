import { eq, lt } from "drizzle-orm";
import type { Database, Transaction } from "#mesh/db";
import { refreshToken, session, users } from "./schema.ts";
import { judgeRefresh } from "./session.ts";
import type { StoredUser } from "./user-repository.ts";

/** A refresh token as it is issued. */
export interface IssuedToken {
  readonly hash: string;
  readonly expireTime: Date;
}

/** The sessions of the service's own database. */
export type SessionRepository = ReturnType<typeof createSessionRepository>;

/**
 * Makes the repository of the sessions. Whatever happens to a session happens under a lock of its row, which is
 * taken first.
 */
export function createSessionRepository(database: Database) {
  return {
    /** Starts a session with its first token. Returns the user as of now, or undefined when there is none any more. */
    start: (started: { id: string; userId: string; createTime: Date }, token: IssuedToken) =>
      database.transaction(async (tx): Promise<StoredUser | undefined> => {
        // The lock keeps a user who is being removed from getting a session.
        const [user] = await tx.select().from(users).where(eq(users.id, started.userId)).for("key share");
        if (user !== undefined) {
          await tx.insert(session).values({ ...started, expireTime: token.expireTime });
          await tx.insert(refreshToken).values({ ...token, sessionId: started.id });
        }
        return user;
      }),

    /** Trades a token for the next one and returns the user. Undefined when the session has ended, or ends by this. */
    continue: (hash: string, next: IssuedToken, now: Date) =>
      database.transaction(async (tx): Promise<StoredUser | undefined> => {
        const sessionId = await lockSession(tx, hash);
        // Read under the lock: of several refreshes at once, all but the first find the token used.
        const [token] = await tx.select().from(refreshToken).where(eq(refreshToken.hash, hash));
        if (sessionId === undefined || token === undefined) {
          return undefined;
        }
        const verdict = judgeRefresh(token, now);
        if (verdict === "rotate") {
          return rotate(tx, { sessionId, hash, next, now });
        }
        if (verdict === "revoke") {
          await tx.delete(session).where(eq(session.id, sessionId));
        }
        return undefined;
      }),

    /** Ends the session of a token; an unknown token ends none. */
    end: (hash: string): Promise<void> =>
      database.transaction(async (tx) => {
        const sessionId = await lockSession(tx, hash);
        if (sessionId !== undefined) {
          await tx.delete(session).where(eq(session.id, sessionId));
        }
      }),

    /** Removes the sessions and tokens that have expired. */
    async removeExpired(now: Date): Promise<void> {
      await database.orm.delete(session).where(lt(session.expireTime, now));
      await database.orm.delete(refreshToken).where(lt(refreshToken.expireTime, now));
    },
  };
}

async function lockSession(tx: Transaction, hash: string): Promise<string | undefined> {
  const [token] = await tx
    .select({ sessionId: refreshToken.sessionId })
    .from(refreshToken)
    .where(eq(refreshToken.hash, hash));
  if (token === undefined) {
    return undefined;
  }
  const [row] = await tx.select().from(session).where(eq(session.id, token.sessionId)).for("update");
  return row?.id;
}

interface Rotation {
  readonly sessionId: string;
  readonly hash: string;
  readonly next: IssuedToken;
  readonly now: Date;
}

async function rotate(tx: Transaction, { sessionId, hash, next, now }: Rotation): Promise<StoredUser | undefined> {
  await tx.update(refreshToken).set({ useTime: now }).where(eq(refreshToken.hash, hash));
  await tx.insert(refreshToken).values({ ...next, sessionId });
  await tx.update(session).set({ expireTime: next.expireTime }).where(eq(session.id, sessionId));
  const [found] = await tx
    .select({ user: users })
    .from(session)
    .innerJoin(users, eq(users.id, session.userId))
    .where(eq(session.id, sessionId));
  return found?.user;
}
