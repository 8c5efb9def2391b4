import { bigint, customType, integer, jsonb, pgSchema, primaryKey, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** The schema of the mesh's own tables in every service's database. */
export const heddle = pgSchema("heddle");

const bytes = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
const number = (name: string) => bigint(name, { mode: "number" });
const instant = (name: string) => timestamp(name, { withTimezone: true });
const identity = () => number("id").primaryKey().generatedAlwaysAsIdentity();
const headers = () => jsonb("headers").$type<Record<string, string>>().notNull();

/** The version counter of each aggregate; its row lock puts the events of one aggregate in order. */
export const aggregate = heddle.table(
  "aggregate",
  { aggregate: text("aggregate").notNull(), id: text("id").notNull(), version: number("version").notNull() },
  (table) => [primaryKey({ columns: [table.aggregate, table.id] })],
);

/** What this service has announced: the log from which the broker is fed. */
export const outbox = heddle.table("outbox", {
  id: identity(),
  eventId: uuid("event_id").notNull().unique(),
  aggregate: text("aggregate").notNull(),
  aggregateId: text("aggregate_id").notNull(),
  aggregateVersion: number("aggregate_version").notNull(),
  type: text("type").notNull(),
  subject: text("subject").notNull(),
  headers: headers(),
  payload: bytes("payload").notNull(),
  createdAt: instant("created_at").notNull().defaultNow(),
  publishedAt: instant("published_at"),
  streamSeq: number("stream_seq"),
  /** How often it was published anew because the stream had lost it. */
  republished: integer("republished").notNull().default(0),
});

/** Every event that this service has taken in, once for each consumer. */
export const inbox = heddle.table(
  "inbox",
  {
    eventId: uuid("event_id").notNull(),
    consumer: text("consumer").notNull(),
    status: text("status", { enum: ["done", "parked", "dead"] }).notNull(),
    receivedAt: instant("received_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.eventId, table.consumer] })],
);

/** Events that wait until the saga they belong to has moved on. */
export const parked = heddle.table("parked", {
  id: identity(),
  eventId: uuid("event_id").notNull(),
  consumer: text("consumer").notNull(),
  key: text("key").notNull(),
  type: text("type").notNull(),
  subject: text("subject").notNull(),
  headers: headers(),
  payload: bytes("payload").notNull(),
  /** Stream of the producer; the events of one key that come from it wait for one another behind a dead letter. */
  stream: text("stream").notNull().default(""),
  /** The dead letter that the event waits for, or waited for first. Null for one that waits for its saga. */
  blockedBy: number("blocked_by"),
  parkedAt: instant("parked_at").notNull().defaultNow(),
  /** When the event is tried again: at once after a release, else after 30 s and more. */
  dueAt: instant("due_at").notNull(),
  attempts: integer("attempts").notNull().default(0),
  failures: integer("failures").notNull().default(0),
  error: text("error"),
});

/** Events that this service cannot take in, or could not, with all that a replay needs. */
export const deadLetter = heddle.table("dead_letter", {
  id: identity(),
  eventId: uuid("event_id").notNull(),
  consumer: text("consumer").notNull(),
  key: text("key").notNull(),
  type: text("type").notNull(),
  subject: text("subject").notNull(),
  stream: text("stream").notNull(),
  streamSeq: number("stream_seq"),
  headers: headers(),
  payload: bytes("payload").notNull(),
  deliveries: integer("deliveries").notNull(),
  error: text("error").notNull(),
  /** The same for errors that read alike once ids and numbers are left out. */
  errorHash: text("error_hash").notNull(),
  firstSeen: instant("first_seen").notNull(),
  lastSeen: instant("last_seen").notNull().defaultNow(),
  /**
   * open: set aside until somebody replays or discards it. retrying: never set aside, fails and is tried again;
   * recovered: it went through in the end.
   */
  state: text("state", { enum: ["open", "retrying", "recovered", "replayed", "discarded"] })
    .notNull()
    .default("open"),
});

/** Who did what with a dead letter, and why. */
export const deadLetterAudit = heddle.table("dead_letter_audit", {
  id: identity(),
  deadLetter: number("dead_letter").notNull(),
  action: text("action", { enum: ["replayed", "replay failed", "discarded"] }).notNull(),
  who: text("who").notNull(),
  why: text("why").notNull(),
  at: instant("at").notNull().defaultNow(),
});
