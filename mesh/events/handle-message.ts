import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { isUnavailable } from "#mesh/db";
import { faultPoint } from "#mesh/fault";
import type { IncomingMessage } from "./broker.ts";
import { readDelivery } from "./cloud-events.ts";
import { type DeadLetter, errorText, recordRetrying, tellCritical } from "./dead-letter.ts";
import { type Delivery, PermanentError } from "./delivery.ts";
import { enterInbox } from "./inbox.ts";
import { parkHeld } from "./parked.ts";
import { buryNew, type Reception, takeIn } from "./reception.ts";
import { retryDelayMs } from "./retry-delay.ts";

/** How long a message is held while the database is away, before the next attempt, in milliseconds. */
const outageDelayMs = 1_000;

/** Takes a delivered event in and ends its message: with an acknowledgement, a retry, or as a dead letter. */
export async function handleMessage(reception: Reception, message: IncomingMessage, delivery: Delivery): Promise<void> {
  const { log, maxDeliveries, isCritical } = reception;
  const { eventId, type, key, deliveries } = delivery;
  // Before the handler runs, since one that ends the process never gets to count its failure.
  if (deliveries > maxDeliveries && !isCritical(type)) {
    const error = new Error(`delivered ${deliveries} times, and the process ended or lost it each time`);
    return await bury(reception, message, { ...letterOf(reception, message, delivery), error });
  }
  try {
    await faultPoint("inbox.received");
    const outcome = await throughOutages(reception, () => takeIn(reception, delivery));
    await faultPoint("inbox.committed");
    message.ack();
    await faultPoint("inbox.acknowledged");
    log.debug({ eventId, type, key, outcome }, "took an event in");
  } catch (error) {
    const isFinal = error instanceof PermanentError || (deliveries >= maxDeliveries && !isUnavailable(error));
    if (isFinal && !isCritical(type)) {
      return await bury(reception, message, { ...letterOf(reception, message, delivery), error });
    }
    if (reception.isOrdered(type) && !isUnavailable(error)) {
      return await hold(reception, message, { delivery, error, isFinal });
    }
    if (isFinal) {
      await noteCritical(reception, { ...letterOf(reception, message, delivery), error });
      return message.retry(tellCritical(log, delivery, error));
    }
    const delayMs = retryDelayMs(deliveries);
    message.retry(delayMs);
    log.warn({ eventId, type, key, deliveries, delayMs, err: error }, "could not take an event in, trying again");
  }
}

/** Gives up a message that is none of our events. */
export async function buryUnreadable(reception: Reception, message: IncomingMessage, error: unknown): Promise<void> {
  const { subject, headers, payload, deliveries } = message;
  const placeholder = createHash("sha256").update(`${message.stream}/${message.sequence}`).digest("hex");
  const delivery = {
    // Only a place in the stream tells such messages apart.
    eventId: placeholder.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
    key: "",
    type: "",
    time: new Date(),
    ...{ subject, headers, payload, deliveries },
  };
  await bury(reception, message, { ...letterOf(reception, message, delivery), error });
}

/** Reads a message as an event; returns the fault where it is none. */
export function readMessage(message: IncomingMessage): Delivery | PermanentError {
  try {
    const { subject, headers, payload, deliveries } = message;
    return readDelivery({ subject, headers, payload, deliveries });
  } catch (error) {
    return error instanceof PermanentError ? error : new PermanentError(String(error), { cause: error });
  }
}

interface Failure {
  readonly delivery: Delivery;
  readonly error: unknown;
  /** Whether it will hardly do better the next time. */
  readonly isFinal: boolean;
}

/** Tries an ordered event again from the database, where the later ones of its key find it and wait behind it. */
async function hold(reception: Reception, message: IncomingMessage, failure: Failure): Promise<void> {
  const { log, consumer, database } = reception;
  const { delivery, error, isFinal } = failure;
  const { eventId, type, key, deliveries } = delivery;
  const delayMs = isFinal ? tellCritical(log, delivery, error) : retryDelayMs(deliveries);
  const letter = { ...letterOf(reception, message, delivery), error };
  try {
    await database.transaction(async (tx) => {
      if (!(await enterInbox(tx, eventId, consumer, "parked"))) return;
      const id = await recordRetrying(tx, letter);
      if (id !== undefined) await parkHeld(tx, { consumer, delivery, letter: id, delayMs, error: errorText(error) });
    });
    message.ack();
    log.warn({ eventId, type, key, deliveries, delayMs, err: error }, "an ordered event failed and holds up its key");
  } catch (fault) {
    message.retry(delayMs);
    log.warn({ eventId, type, key, err: fault }, "could not hold an ordered event, trying again");
  }
}

/** Puts a critical event that fails on record, for whoever is on call; it is tried again in any case. */
async function noteCritical({ database, log }: Reception, letter: DeadLetter): Promise<void> {
  try {
    await database.transaction((tx) => recordRetrying(tx, letter));
  } catch (error) {
    log.warn({ eventId: letter.delivery.eventId, err: error }, "could not record that a critical event fails");
  }
}

async function bury(reception: Reception, message: IncomingMessage, letter: DeadLetter): Promise<void> {
  try {
    await throughOutages(reception, () => buryNew(reception, letter));
    await faultPoint("dead-letter.committed");
    message.terminate();
    await faultPoint("dead-letter.terminated");
  } catch (error) {
    message.retry(retryDelayMs(message.deliveries));
    reception.log.error({ eventId: letter.delivery.eventId, err: error }, "could not store a dead letter");
  }
}

function letterOf(reception: Reception, message: IncomingMessage, delivery: DeadLetter["delivery"]) {
  return { consumer: reception.consumer, delivery, stream: message.stream, sequence: message.sequence };
}

/** Tries again for as long as the database is away: an outage is no fault of the event and must not use it up. */
async function throughOutages<T>(reception: Reception, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (reception.signal.aborted || !isUnavailable(error)) {
        throw error;
      }
      if (attempt === 1) {
        reception.log.warn({ err: error }, "the database is away: events wait");
      }
    }
    await setTimeout(outageDelayMs, undefined, { signal: reception.signal }).catch(() => undefined);
  }
}
