import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { and, eq } from "drizzle-orm";
import { IdentityErrorReason } from "#gen/platform/identity/v1/identity_errors_pb.ts";
import { UserCreatedSchema, UserDeletedSchema } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { type Database, isUniqueViolation } from "#mesh/db";
import { event, type Outbox } from "#mesh/events";
import { Refusal } from "#mesh/refusal";
import { users } from "./schema.ts";
import { normaliseEmail, type User, userNotFound } from "./user.ts";

/** A user with the hash of the password, for nobody but the sign-in. */
export type StoredUser = typeof users.$inferSelect;

/** The users of the service's own database. */
export type UserRepository = ReturnType<typeof createUserRepository>;

/** Makes the repository of the users. Registration and removal commit together with their event. */
export function createUserRepository(database: Database, outbox: Outbox) {
  const { orm } = database;
  const { createUser, deleteUser } = IdentityService.method;

  return {
    /** Returns a user, with the hash. */
    async find(id: string): Promise<StoredUser | undefined> {
      return (await orm.select().from(users).where(eq(users.id, id)))[0];
    },

    /** Returns the user who signs in with an address, whatever its letter case. */
    async findByEmail(email: string): Promise<StoredUser | undefined> {
      return (
        await orm
          .select()
          .from(users)
          .where(eq(users.email, normaliseEmail(email)))
      )[0];
    },

    /** Adds a user and announces it. Returns false when the address is taken. */
    create: (user: User, passwordHash: string): Promise<boolean> =>
      database.transaction(async (tx) => {
        const row = { ...user, passwordHash, roles: [...user.roles] };
        const rows = await tx.insert(users).values(row).onConflictDoNothing({ target: users.email }).returning();
        if (rows.length > 0) {
          const { id, displayName, createTime } = user;
          const init = { userId: id, displayName, createTime: timestampFromDate(createTime) };
          await outbox.announce(tx, createUser, event(UserCreatedSchema, init));
        }
        return rows.length > 0;
      }),

    /**
     * Changes a user, unless `decide` returns the user as it was.
     *
     * @throws Refusal USER_NOT_FOUND or EMAIL_TAKEN
     */
    async update(id: string, decide: (user: User) => User): Promise<User> {
      try {
        return await database.transaction(async (tx) => {
          const [current] = await tx.select().from(users).where(eq(users.id, id)).for("update");
          if (current === undefined) {
            throw userNotFound(id);
          }
          const { email, displayName, roles, updateTime, ...next } = decide(current);
          if (updateTime !== current.updateTime) {
            const changes = { email, displayName, roles: [...roles], updateTime };
            await tx.update(users).set(changes).where(eq(users.id, id));
          }
          return { ...next, email, displayName, roles, updateTime };
        });
      } catch (error) {
        throw isUniqueViolation(error, "users_email") ? new Refusal(IdentityErrorReason.EMAIL_TAKEN) : error;
      }
    },

    /** Stores a new hash, unless the password has changed since `oldHash` was read. */
    async replaceHash(id: string, oldHash: string, newHash: string): Promise<void> {
      await orm
        .update(users)
        .set({ passwordHash: newHash })
        .where(and(eq(users.id, id), eq(users.passwordHash, oldHash)));
    },

    /**
     * Removes a user together with all sessions, and announces it.
     *
     * @throws Refusal USER_NOT_FOUND
     */
    delete: (id: string, now: Date): Promise<void> =>
      database.transaction(async (tx) => {
        const rows = await tx.delete(users).where(eq(users.id, id)).returning({ id: users.id });
        if (rows.length === 0) {
          throw userNotFound(id);
        }
        const init = { userId: id, deleteTime: timestampFromDate(now) };
        await outbox.announce(tx, deleteUser, event(UserDeletedSchema, init));
      }),
  };
}
