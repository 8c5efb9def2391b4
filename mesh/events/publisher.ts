import type { Lane } from "#mesh/db";
import { faultPoint } from "#mesh/fault";
import type { Logger } from "#mesh/telemetry";
import { createBlockedKeys } from "./blocked-keys.ts";
import { type Broker, BrokerFault, type StreamSpec } from "./broker.ts";
import { batchSize, markPublished, readWaiting } from "./outbox-queue.ts";
import { type BatchResult, publishBatch } from "./publish-batch.ts";
import { repairStream } from "./repair-stream.ts";
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
  /**
   * Waits no fault out any longer, and compares the stream with the outbox before anything else is published: after a
   * new connection or under a new leader the broker may hold older data than it did.
   */
  startOver(): void;
}

/** How often the outbox is looked at without a kick, in milliseconds. */
const pollMs = 500;
/** How often the stream is compared with the outbox, in milliseconds. */
const repairMs = 600_000;
/** Longest wait after a fault of the broker, in milliseconds. */
const longestWaitMs = 10_000;

/** Creates a publisher to one stream. */
export function createPublisher(broker: Broker, stream: StreamSpec, log: Logger): Publisher {
  const blocked = createBlockedKeys();
  let streamReady = false;
  let faultsInARow = 0;
  let waitUntil = 0;
  let repairAt = 0;
  /** The highest position that this leader has published to. */
  let reached = 0;

  async function ensureStream(): Promise<void> {
    await broker.ensureStream(stream);
    streamReady = true;
  }

  async function repair(lane: Lane): Promise<void> {
    repairAt = Date.now() + repairMs;
    reached = 0;
    await ensureStream();
    await repairStream({ broker, stream, lane, log });
  }

  async function publishWaiting(lane: Lane): Promise<number> {
    if (Date.now() >= repairAt) {
      await repair(lane);
    }
    const events = await readWaiting(lane, blocked.current());
    if (Date.now() >= repairAt) {
      // A new connection since: nothing may be published before the stream was compared again.
      return 0;
    }
    if (events.length > 0) {
      await faultPoint("relay.read");
    }
    const result = await publishBatch(broker, stream.name, events);
    if (result.published.length > 0) {
      await faultPoint("relay.published");
      await markPublished(lane, result.published);
      await faultPoint("relay.marked");
      faultsInARow = 0;
      noteSequences(result);
    }
    noteKeys(result);
    return events.length === batchSize && result.published.length > 0 ? 0 : pollMs;
  }

  /** Positions only grow: one that does not is a repetition, or else another stream has taken the place of ours. */
  function noteSequences({ published }: BatchResult): void {
    const sequences = published.map(({ sequence }) => sequence);
    if (Math.min(...sequences) <= reached) {
      repairAt = 0;
    }
    reached = Math.max(reached, ...sequences);
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
    repairAt = 0;
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
    startOver() {
      waitUntil = 0;
      repairAt = 0;
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
