import { customType, doublePrecision, index, pgTable, timestamp } from "drizzle-orm/pg-core";

const bytes = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/**
 * Who has called how often, for several gateways. The table is not logged: what a crash of Postgres loses is at most one
 * burst of each client.
 */
export const rateLimit = pgTable("rate_limit", {
  /** SHA-256 of who is counted for what. */
  key: bytes("key").primaryKey(),
  /** When all calls are at hand again, in milliseconds since the epoch. */
  restoredAtMs: doublePrecision("restored_at_ms").notNull(),
});

/** Requests with an Idempotency-Key, and their first answers. */
export const idempotencyKey = pgTable(
  "idempotency_key",
  {
    /** SHA-256 of the user and the key. */
    key: bytes("key").primaryKey(),
    /** SHA-256 of the request. */
    fingerprint: bytes("fingerprint").notNull(),
    /** Until when the first request may still be under way. */
    leaseUntil: instant("lease_until").notNull(),
    expiresAt: instant("expires_at").notNull(),
    /** The first answer, sealed; null while there is none. */
    answer: bytes("answer"),
  },
  (table) => [index("idempotency_key_expiry").on(table.expiresAt)],
);
