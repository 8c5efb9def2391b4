import type { Database } from "#mesh/db";
import { createWakeUp, type Part, StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { type Broker, BrokerFault, type StreamSpec } from "./broker.ts";
import { goByIndexes } from "./outbox-queue.ts";
import { createPublisher } from "./publisher.ts";
import { createCandidate, type Leadership } from "./relay-leader.ts";

/** Publishes a service's outbox. Of all replicas, one does so at a time; the others stand by. */
export interface Relay extends Part {
  /** Whether this replica publishes. */
  readonly leading: boolean;
  /** Whether the stream is there as wanted, as far as this replica knows. */
  readonly streamReady: boolean;
  /** Says that the outbox has grown, to the leader wherever it runs. Costs next to nothing. */
  kick(): void;
}

/** What a relay needs. */
export interface RelayOptions {
  readonly service: string;
  readonly database: Database;
  readonly broker: Broker;
  readonly stream: StreamSpec;
  readonly log: Logger;
}

/** How often a replica that stands by tries to lead, in milliseconds. */
const standbyMs = 1_000;
/** Least time between two calls to a leader in another process, in milliseconds. */
const callDebounceMs = 10;

/** Creates the relay of a service's outbox. start() throws StartError when the stream exists with other settings. */
export function createRelay({ service, database, broker, stream, log }: RelayOptions): Relay {
  const candidate = createCandidate(database);
  const publisher = createPublisher(broker, stream, log);
  const wakeUp = createWakeUp();
  const callLeader = debounce(() => broker.wake(service));
  let stopping = false;
  let leading = false;
  let running: Promise<void> = Promise.resolve();
  /** The fault that was told last, until this replica leads again: an outage is one line, not one a second. */
  let told: string | undefined;

  async function lead({ lane, lost }: Leadership): Promise<void> {
    leading = true;
    told = undefined;
    publisher.startOver();
    await goByIndexes(lane);
    log.debug({ service }, "publishing the outbox");
    lost.addEventListener("abort", wakeUp.wake);
    while (!stopping && !lost.aborted) {
      const waitMs = await publisher.publishNext(lane);
      if (waitMs > 0) {
        await wakeUp.wait(waitMs);
      }
    }
  }

  async function leadOrWait(): Promise<void> {
    try {
      const leadership = await candidate.tryLead();
      if (leadership !== undefined) {
        await lead(leadership);
      }
    } catch (error) {
      if (String(error) !== told) {
        told = String(error);
        log.warn({ err: error }, "cannot read the outbox, trying again");
      }
    }
    leading = false;
    if (!stopping) {
      await wakeUp.wait(standbyMs);
    }
  }

  async function run(): Promise<void> {
    while (!stopping) {
      await leadOrWait();
    }
    await candidate.stop();
  }

  broker.onConnect(() => {
    publisher.startOver();
    wakeUp.wake();
  });
  broker.onWake(service, () => {
    if (leading) {
      wakeUp.wake();
    }
  });

  return {
    name: "relay",
    get leading() {
      return leading;
    },
    get streamReady() {
      return publisher.streamReady;
    },
    kick() {
      if (leading) {
        wakeUp.wake();
      } else {
        callLeader();
      }
    },
    async start() {
      if (broker.connected) {
        await publisher.ensureStream().catch(failOnDrift);
      }
      running = run();
    },
    async stop() {
      stopping = true;
      wakeUp.wake();
      await running;
    },
  };
}

/** A stream with other settings stops the start; a broker that is away does not. */
function failOnDrift(error: unknown): void {
  if (!(error instanceof BrokerFault)) {
    throw error;
  }
  if (error.kind === "drift") {
    throw new StartError(error.message);
  }
}

function debounce(call: () => void): () => void {
  let planned = false;
  return () => {
    if (!planned) {
      planned = true;
      setTimeout(() => {
        planned = false;
        call();
      }, callDebounceMs).unref();
    }
  };
}
