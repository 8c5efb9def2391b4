import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";
import type { Cause } from "#mesh/events";

/** The schema of the mesh's own tables. */
export const heddle = pgSchema("heddle");
const moment = (name: string) => timestamp(name, { withTimezone: true });

/** Where each saga instance stands at this service: one row for each saga and key, locked by every step. */
export const participant = heddle.table(
  "participant",
  {
    saga: text("saga").notNull(),
    key: text("key").notNull(),
    /** Name of the state without the enum's prefix; see stateValue. */
    state: text("state").notNull(),
    /** Whether the state is none of the final ones, by the contract at the last step. */
    open: boolean("open").notNull().default(true),
    /** Number of steps taken. */
    version: integer("version").notNull().default(0),
    /** Full name of the rpc that took the last step. */
    movedBy: text("moved_by"),
    /** Id of the event that caused the last step; null for a command, a timer or an effect. */
    eventId: text("event_id"),
    createdAt: moment("created_at").notNull().defaultNow(),
    updatedAt: moment("updated_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.saga, table.key] }),
    // Who is on call asks for the few that are open, and in the course of time nearly all are not. An index by state or
    // by time would have to follow every step; this one is touched when an instance begins and when it ends. Lists of
    // ended ones go by the primary key, where nearly every entry is one.
    index("participant_open").on(table.saga, table.key).where(sql`${table.open}`),
  ],
);

/**
 * Every step that an instance has taken at this service: the history whose last entry its participant row is. Pruned
 * some time after a final state.
 */
export const move = heddle.table(
  "move",
  {
    saga: text("saga").notNull(),
    key: text("key").notNull(),
    /** Number of the step, from 1: the participant's version after it. */
    version: integer("version").notNull(),
    fromState: text("from_state").notNull(),
    toState: text("to_state").notNull(),
    /** Full name of the rpc that took the step. */
    rpc: text("rpc").notNull(),
    /** What made the participant move. */
    cause: text("cause", { enum: ["command", "event", "timer", "effect"] }).notNull(),
    /** Id of the event that was taken in; null for a command, a timer or an effect. */
    eventId: uuid("event_id"),
    /** Full name of that event's message. */
    eventType: text("event_type"),
    /** Full names of the events that the step announced, in order; null for none. */
    announced: text("announced").array(),
    /** Span of the work that took the step. */
    traceparent: text("traceparent"),
    /** By the clock when the step was stored: of two steps of one instance the later one has the later time. */
    movedAt: moment("moved_at").notNull().default(sql`clock_timestamp()`),
  },
  (table) => [
    // The key first, so that the history of a key is found without the name of its saga.
    primaryKey({ columns: [table.key, table.saga, table.version] }),
    check("move_cause", sql`${table.cause} in ('command', 'event', 'timer', 'effect')`),
  ],
);

/** Armed timers: a row exists as long as the state that armed it. */
export const timer = heddle.table(
  "timer",
  {
    saga: text("saga").notNull(),
    key: text("key").notNull(),
    /** Name of the timer's rpc. */
    name: text("name").notNull(),
    dueAt: moment("due_at").notNull(),
    /** Failed attempts to fire. */
    attempts: integer("attempts").notNull().default(0),
    error: text("error"),
    /** Trace of the step that armed the timer. */
    traceparent: text("traceparent"),
    /** The event that the step took in, if it did: also the cause of what the timer announces. */
    cause: jsonb("cause").$type<Cause>(),
    createdAt: moment("created_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.saga, table.key, table.name] }),
    index("timer_due").on(table.saga, table.dueAt),
  ],
);

/** Calls to the outside world, in the order in which their states were entered. */
export const effect = heddle.table(
  "effect",
  {
    id: bigint("id", { mode: "number" }).generatedAlwaysAsIdentity().primaryKey(),
    saga: text("saga").notNull(),
    key: text("key").notNull(),
    /** Name of the effect's rpc. */
    name: text("name").notNull(),
    /**
     * waiting while an earlier call of its key is open; then due until its outcome is known; skipped when its state was
     * left before the first attempt; failed when its outcome is known but no declared move takes it.
     */
    status: text("status", { enum: ["waiting", "due", "done", "skipped", "failed"] })
      .notNull()
      .default("due"),
    /** Attempts begun; the number of the attempt fences off earlier ones. */
    attempts: integer("attempts").notNull().default(0),
    /** When the next attempt may begin; while one runs, when others may take it for lost. */
    dueAt: moment("due_at").notNull().defaultNow(),
    error: text("error"),
    /** Trace of the step that made the call due. */
    traceparent: text("traceparent"),
    /** The event that the step took in, if it did: also the cause of what the call's outcome announces. */
    cause: jsonb("cause").$type<Cause>(),
    createdAt: moment("created_at").notNull().defaultNow(),
    finishedAt: moment("finished_at"),
  },
  (table) => [
    index("effect_due").on(table.saga, table.dueAt).where(sql`${table.status} = 'due'`),
    // The failed ones too: they are few, and whoever looks at an instance asks for them.
    index("effect_open")
      .on(table.saga, table.key, table.id)
      .where(sql`${table.status} in ('waiting', 'due', 'failed')`),
    check("effect_status", sql`${table.status} in ('waiting', 'due', 'done', 'skipped', 'failed')`),
  ],
);
