import type { Lane } from "#mesh/db";
import type { Logger } from "#mesh/telemetry";
import { createBlockedKeys } from "./blocked-keys.ts";
import { type Broker, BrokerFault, type StreamSpec } from "./broker.ts";
import { batchSize, markPublished, readWaiting } from "./outbox-queue.ts";
import { type BatchResult, publishBatch } from "./publish-batch.ts";
import { retryDelayMs } from "./retry-delay.ts";

/** Moves events from the outbox to the stream, batch by batch. */
export interface Publisher {
  /** Whether the stream is there as wanted, as far as is known. */
  readonly streamReady: boolean;
  /** Creates or checks the stream. Throws BrokerFault. */
  ensureStream(): Promise<void>;
  /**
   * Publishes and marks one batch, unless the broker is away or a fault is being waited out. Returns how long to wait
   * for the next one, in milliseconds. Throws when the database is away.
   */
  publishNext(lane: Lane): Promise<number>;
  /** Stops waiting out a fault of the broker: it has just been connected. */
  retryNow(): void;
}

/** How often the outbox is looked at without a kick, in milliseconds. */
const pollMs = 500;
/** Longest wait after a fault of the broker, in milliseconds. */
const longestWaitMs = 10_000;

/** Creates a publisher to one stream. */
export function createPublisher(broker: Broker, stream: StreamSpec, log: Logger): Publisher {
  const blocked = createBlockedKeys();
  let streamReady = false;
  let faultsInARow = 0;
  let waitUntil = 0;

  async function ensureStream(): Promise<void> {
    await broker.ensureStream(stream);
    streamReady = true;
  }

  async function publishWaiting(lane: Lane): Promise<number> {
    if (!streamReady) {
      await ensureStream();
    }
    const events = await readWaiting(lane, blocked.current());
    const result = await publishBatch(broker, stream.name, events);
    if (result.published.length > 0) {
      await markPublished(lane, result.published);
      faultsInARow = 0;
    }
    noteKeys(result);
    return events.length === batchSize && result.published.length > 0 ? 0 : pollMs;
  }

  function noteKeys({ published, failed }: BatchResult): void {
    for (const { key } of published) {
      blocked.clear(key);
    }
    for (const { event, fault } of failed) {
      if (fault.kind !== "refused") {
        throw fault;
      }
      const { eventId, type, key } = event;
      const delayMs = blocked.block(key);
      log.error({ eventId, type, key, delayMs, error: fault.message }, "the broker refuses an event: its key waits");
    }
  }

  function waitOut(fault: BrokerFault): number {
    faultsInARow++;
    // Whatever happened, the stream may be gone: look again before publishing.
    streamReady = false;
    const waitMs = fault.kind === "drift" ? longestWaitMs : Math.min(retryDelayMs(faultsInARow), longestWaitMs);
    waitUntil = Date.now() + waitMs;
    const level = fault.kind === "away" ? "warn" : "error";
    log[level]({ stream: stream.name, fault: fault.kind, error: fault.message, waitMs }, "cannot publish events");
    return waitMs;
  }

  return {
    get streamReady() {
      return streamReady;
    },
    ensureStream,
    retryNow() {
      waitUntil = 0;
    },
    async publishNext(lane) {
      const waitMs = waitUntil - Date.now();
      if (waitMs > 0) {
        return waitMs;
      }
      if (!broker.connected) {
        return pollMs;
      }
      try {
        return await publishWaiting(lane);
      } catch (error) {
        if (error instanceof BrokerFault) {
          return waitOut(error);
        }
        throw error;
      }
    },
  };
}
