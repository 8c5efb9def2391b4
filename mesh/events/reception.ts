import type { Database, Transaction } from "#mesh/db";
import { faultPoint } from "#mesh/fault";
import { runInScope } from "#mesh/scope";
import { childTrace, type Logger } from "#mesh/telemetry";
import { parkBehindDeadLetter } from "./blocked-tail.ts";
import { runCausedBy } from "./cause.ts";
import { type DeadLetter, insertDeadLetter, recordRecovery } from "./dead-letter.ts";
import { type Delivery, PermanentError, type Receive } from "./delivery.ts";
import { enterDelivered, enterInbox, setInboxStatus } from "./inbox.ts";
import { park } from "./parked.ts";

/** What receptions have in common. */
export interface Reception {
  /** Name under which the inbox keeps what was taken in: the service's. */
  readonly consumer: string;
  readonly database: Database;
  readonly receive: Receive;
  /** Aborted when handlers that are still running are no longer waited for. */
  readonly signal: AbortSignal;
  /** An event that fails this often becomes a dead letter. */
  readonly maxDeliveries: number;
  /** Types of events that never become dead letters: they are tried for ever. */
  readonly isCritical: (type: string) => boolean;
  /** Types of events that wait for those before them of the same producer and key, also while those fail. */
  readonly isOrdered: (type: string) => boolean;
  readonly log: Logger;
}

/** Takes an event in, once: inbox entry, effects and caused events commit together. */
export async function takeIn(reception: Reception, delivery: Delivery): Promise<"done" | "parked" | "duplicate"> {
  const { consumer, database } = reception;
  return await database.transaction(async (tx) => {
    const { entered, blocked, retrying } = await enterDelivered(tx, delivery, consumer);
    if (!entered) {
      return "duplicate";
    }
    if (blocked && (await parkBehindDeadLetter(tx, consumer, delivery))) {
      await setInboxStatus(tx, delivery.eventId, consumer, "parked");
      tellBlocked(reception, delivery);
      return "parked";
    }
    if ((await faultPoint("inbox.handling")) === "poison") {
      throw new PermanentError("poisoned on purpose at inbox.handling");
    }
    const outcome = await runReceive(reception, delivery, tx);
    if (outcome === "parked") {
      await park(tx, consumer, delivery);
      await setInboxStatus(tx, delivery.eventId, consumer, "parked");
    }
    if (retrying) {
      await recordRecovery(tx, delivery.eventId, consumer);
    }
    return outcome;
  });
}

function tellBlocked({ log, isCritical }: Reception, { eventId, type, key }: Delivery): void {
  const about = { eventId, type, key };
  if (isCritical(type)) {
    log.error({ ...about, critical: true }, "a critical event waits behind a dead letter of its key");
  } else {
    log.warn(about, "an event waits behind a dead letter of its key");
  }
}

/** Runs the handler as a child of the event's trace, and as the cause of what it announces. */
export function runReceive(reception: Reception, delivery: Delivery, tx: Transaction): Promise<"done" | "parked"> {
  const scope = {
    signal: reception.signal,
    deadline: undefined,
    trace: childTrace(delivery.trace),
    authorization: undefined,
    requestId: delivery.correlationId,
  };
  return runInScope(scope, () => runCausedBy(delivery, () => reception.receive(delivery, tx)));
}

/** Gives an event up, unless it was taken in after all. */
export async function buryNew(reception: Reception, letter: DeadLetter): Promise<void> {
  const buried = await reception.database.transaction(async (tx) => {
    const entered = await enterInbox(tx, letter.delivery.eventId, reception.consumer, "dead");
    if (entered) {
      await insertDeadLetter(tx, letter);
    }
    return entered;
  });
  if (buried) {
    logDeadLetter(reception.log, letter);
  }
}

/** Tells whoever is on call that an event was given up. */
export function logDeadLetter(log: Logger, { consumer, delivery, error }: DeadLetter): void {
  const { eventId, type, key, deliveries, headers } = delivery;
  const traceparent = headers.traceparent;
  log.error({ consumer, eventId, type, key, deliveries, traceparent, err: error }, "an event is now a dead letter");
}
