import { index, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";

const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/** People who can sign in. */
export const users = pgTable("users", {
  id: uuid().primaryKey(),
  /** In lower case. */
  email: text().notNull().unique("users_email"),
  displayName: text("display_name").notNull(),
  /** PHC string: scrypt with its parameters and salt. */
  passwordHash: text("password_hash").notNull(),
  roles: text().array().notNull(),
  createTime: time("create_time").notNull(),
  updateTime: time("update_time").notNull(),
});

/** Who is signed in. A session ends by being deleted; its refresh tokens go with it. */
export const session = pgTable(
  "session",
  {
    id: uuid().primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    createTime: time("create_time").notNull(),
    /** When the session's latest refresh token expires. */
    expireTime: time("expire_time").notNull(),
  },
  (table) => [index("session_by_user").on(table.userId), index("session_by_expiry").on(table.expireTime)],
);

/** Refresh tokens, used and unused. The tokens themselves are stored nowhere. */
export const refreshToken = pgTable(
  "refresh_token",
  {
    /** SHA-256 of the token, base64url. */
    hash: text().primaryKey(),
    sessionId: uuid("session_id")
      .notNull()
      .references(() => session.id, { onDelete: "cascade" }),
    expireTime: time("expire_time").notNull(),
    /** When the token was traded for the next one. */
    useTime: time("use_time"),
  },
  (table) => [index("refresh_token_by_session").on(table.sessionId)],
);

/** Keys that sign access tokens, the retired ones for as long as a token of theirs may be valid. */
export const signingKey = pgTable("signing_key", {
  kid: text().primaryKey(),
  /** Ed25519 public key, base64url (member "x" of the JWK). */
  publicKey: text("public_key").notNull(),
  /** PKCS #8, encrypted with a key derived from the mesh secret, base64url. */
  sealedPrivateKey: text("sealed_private_key").notNull(),
  /** From when the key signs. */
  activeTime: time("active_time").notNull(),
});
