import { afterCommit } from "#mesh/db";
import { faultPoint } from "#mesh/fault";
import type { Part } from "#mesh/process";
import { createWakeUp } from "#mesh/process";
import { blockTail } from "./blocked-tail.ts";
import { readDelivery } from "./cloud-events.ts";
import { errorText, insertDeadLetter, recordRecovery, recordRetrying, tellCritical } from "./dead-letter.ts";
import { type Delivery, PermanentError } from "./delivery.ts";
import { setInboxStatus } from "./inbox.ts";
import { claimParked, deleteParked, type ParkedEvent, parkAgain, parkFailed } from "./parked.ts";
import { logDeadLetter, type Reception, runReceive } from "./reception.ts";
import { retryDelayMs } from "./retry-delay.ts";
import { streamOf } from "./stream-names.ts";

/** Tries parked events again when they are due. */
export interface ParkedWorker extends Part {
  /** Looks for due events now. */
  kick(): void;
}

/** How often due events are looked for without a kick, in milliseconds. */
const pollMs = 1_000;
/** An event that has waited this long is told of: its saga may be stuck. In milliseconds. */
const alarmMs = 600_000;

/** Creates the worker of one service's parked events. Several replicas may work side by side. */
export function createParkedWorker(reception: Reception): ParkedWorker {
  const wakeUp = createWakeUp();
  let stopping = false;
  let running: Promise<void> = Promise.resolve();
  /** The fault that was told last, until one attempt goes well: an outage is one line, not one a second. */
  let told: string | undefined;

  async function tryOne(): Promise<boolean> {
    try {
      const tried = await tryNext(reception);
      told = undefined;
      return tried;
    } catch (error) {
      if (String(error) !== told) {
        told = String(error);
        reception.log.warn({ err: error }, "cannot look for parked events, trying again");
      }
      return false;
    }
  }

  async function run(): Promise<void> {
    while (!stopping) {
      if (!(await tryOne())) {
        await wakeUp.wait(pollMs);
      }
    }
  }

  return {
    name: "parked events",
    kick: wakeUp.wake,
    async start() {
      running = run();
    },
    async stop() {
      stopping = true;
      wakeUp.wake();
      await running;
    },
  };
}

/** Tries the next due event in its own transaction. Returns false when there is none. */
async function tryNext(reception: Reception): Promise<boolean> {
  const { database, consumer } = reception;
  let claimed: { event: ParkedEvent; delivery: Delivery } | undefined;
  try {
    await database.transaction(async (tx) => {
      claimed = undefined;
      const event = await claimParked(tx, consumer);
      if (event === undefined) {
        return;
      }
      const delivery = readParked(event);
      claimed = { event, delivery };
      await faultPoint("parked.claimed");
      if ((await runReceive(reception, delivery, tx)) === "parked") {
        await parkAgain(tx, event);
        alarmIfOld(reception, event, delivery);
      } else {
        await deleteParked(tx, event.id);
        await setInboxStatus(tx, delivery.eventId, consumer, "done");
      }
      if (event.failures > 0) {
        await recordRecovery(tx, delivery.eventId, consumer);
      }
    });
    if (claimed !== undefined) {
      await faultPoint("parked.committed");
    }
  } catch (error) {
    if (claimed === undefined) {
      throw error;
    }
    await noteFailure(reception, claimed.event, claimed.delivery, error);
  }
  return claimed !== undefined;
}

async function noteFailure(
  reception: Reception,
  event: ParkedEvent,
  delivery: Delivery,
  error: unknown,
): Promise<void> {
  const { consumer, database, log, maxDeliveries } = reception;
  const failures = event.failures + 1;
  const { eventId, type, key } = delivery;
  const letter = {
    ...{ consumer, delivery: { ...delivery, deliveries: failures }, error },
    ...{ stream: streamOf(delivery), sequence: undefined },
  };
  const isFinal = error instanceof PermanentError || failures >= maxDeliveries;
  if (isFinal && reception.isCritical(type)) {
    const delayMs = tellCritical(log, letter.delivery, error);
    await database.transaction(async (tx) => {
      if (await parkFailed(tx, event.id, delayMs, errorText(error))) {
        await recordRetrying(tx, letter);
      }
    });
    return;
  }
  if (!isFinal) {
    const delayMs = retryDelayMs(failures);
    await database.transaction(async (tx) => {
      const kept = await parkFailed(tx, event.id, delayMs, errorText(error));
      if (kept && reception.isOrdered(type)) {
        await recordRetrying(tx, letter);
      }
    });
    log.warn({ eventId, type, key, failures, delayMs, err: error }, "could not take a parked event in, trying again");
    return;
  }
  await database.transaction(async (tx) => {
    // First, since it waits for whoever is about to park an event behind this one.
    if (await deleteParked(tx, event.id)) {
      await blockTail(tx, letter, await insertDeadLetter(tx, letter));
      await setInboxStatus(tx, eventId, consumer, "dead");
      afterCommit(tx, () => logDeadLetter(log, letter));
    }
  });
}

function readParked({ subject, headers, payload, attempts }: ParkedEvent): Delivery {
  return readDelivery({ subject, headers, payload, deliveries: attempts + 1 });
}

function alarmIfOld({ log }: Reception, { ageMs }: ParkedEvent, { eventId, type, key }: Delivery): void {
  if (ageMs > alarmMs) {
    log.warn({ eventId, type, key, ageMs }, "an event has been parked for long: its saga may be stuck");
  }
}
