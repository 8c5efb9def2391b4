import type { Transaction } from "#mesh/db";
import type { TraceContext } from "#mesh/telemetry";

/** One delivery of an event to this service. The same event may be delivered any number of times, in any order. */
export interface Delivery {
  /** UUIDv7 given by the producer; the same at every delivery. */
  readonly eventId: string;
  /** Full name of the event's message. */
  readonly type: string;
  /** Subject that it was published on. */
  readonly subject: string;
  /** Id of the aggregate that the event is about. */
  readonly key: string;
  /** Position among the events of that aggregate, from 1. */
  readonly aggregateVersion: number;
  /** When it was announced. */
  readonly time: Date;
  /** Span of the work that announced it. */
  readonly trace: TraceContext;
  /** The same for everything that one first event has caused. */
  readonly correlationId: string;
  /** CloudEvents attributes and the rest, as received. */
  readonly headers: Readonly<Record<string, string>>;
  /** The message in Protobuf's binary form. */
  readonly payload: Uint8Array;
  /** How often the event has been delivered, this time included. */
  readonly deliveries: number;
}

/**
 * Takes an event in, inside the transaction that also records the reception: throwing undoes both, and the event
 * comes again later. "parked" keeps the event aside until release() is called for its key.
 *
 * Whoever parks must hold a row lock that whoever releases takes too: else a release may pass unseen, and the event
 * waits for its next attempt (30 s and more).
 */
export type Receive = (delivery: Delivery, tx: Transaction) => Promise<"done" | "parked">;

/** Thrown by a handler that can never succeed with this event: it becomes a dead letter at once. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
}
