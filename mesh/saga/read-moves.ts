import { asc, eq } from "drizzle-orm";
import type { Database } from "#mesh/db";
import { move } from "./schema.ts";

/** One step that an instance has taken at one service. */
export interface RecordedMove {
  readonly saga: string;
  readonly key: string;
  /** Number of the step at this service, from 1. */
  readonly version: number;
  /** States without the enum's prefix; "NONE" before the first step. */
  readonly from: string;
  readonly to: string;
  /** Full name of the rpc that took the step. */
  readonly rpc: string;
  /** Id of the event that was taken in; left out for a command, a timer or an effect. */
  readonly eventId?: string | undefined;
  /** Full name of that event's message. */
  readonly eventType?: string | undefined;
  /** Full names of the events that the step announced, in order. */
  readonly announced: readonly string[];
  readonly at: Date;
}

/** A step with what made the participant take it. */
export interface TracedMove extends RecordedMove {
  readonly by: "command" | "event" | "timer" | "effect";
  /** Span of the work that took the step. */
  readonly traceparent?: string;
}

/** The history of a key at one service, each saga's from its first step on. Empty where nothing is known of it. */
export async function readMoves(database: Pick<Database, "orm">, key: string): Promise<TracedMove[]> {
  const rows = await database.orm
    .select()
    .from(move)
    .where(eq(move.key, key))
    .orderBy(asc(move.saga), asc(move.version));
  return rows.map(({ saga, version, fromState, toState, rpc, cause, eventId, eventType, announced, ...row }) => ({
    ...{ saga, key, version, from: fromState, to: toState, rpc, by: cause },
    ...(eventId !== null && { eventId }),
    ...(eventType !== null && { eventType }),
    announced: announced ?? [],
    ...(row.traceparent !== null && { traceparent: row.traceparent }),
    at: row.movedAt,
  }));
}
