import { bigint, integer, jsonb, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import type { AnswerBody } from "./answer.ts";
import type { AuthorizationStatus } from "./authorization.ts";

/** What the provider knows about each reference. */
export const authorization = pgTable("authorization", {
  reference: text("reference").primaryKey(),
  status: text("status").$type<AuthorizationStatus>().notNull(),
  /** Null where the reference was voided before anybody asked to authorise it; so are units and nanos. */
  currencyCode: text("currency_code"),
  units: bigint("units", { mode: "bigint" }),
  nanos: integer("nanos"),
  paymentMethod: text("payment_method").notNull(),
  declineCode: text("decline_code").notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});

/** Answers already given, by idempotency key. */
export const answer = pgTable("answer", {
  idempotencyKey: text("idempotency_key").primaryKey(),
  /** Digest of the request, so that a key cannot be used for another one. */
  fingerprint: text("fingerprint").notNull(),
  status: integer("status").notNull(),
  body: jsonb("body").$type<AnswerBody>().notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
