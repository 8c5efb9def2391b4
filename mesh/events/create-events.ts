import type { Contract } from "#mesh/contract";
import type { Database, Transaction } from "#mesh/db";
import { group, type Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { type EventsBacklog, readBacklogs } from "./backlogs.ts";
import { createConsumers } from "./consumers.ts";
import { createDeadLetters, type DeadLetters } from "./dead-letters.ts";
import type { Receive } from "./delivery.ts";
import { createKeyedQueue } from "./keyed-queue.ts";
import { natsBroker } from "./nats/index.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { releaseParked } from "./parked.ts";
import { createParkedWorker } from "./parked-worker.ts";
import { createPruner } from "./pruner.ts";
import type { Reception } from "./reception.ts";
import { createRelay } from "./relay.ts";
import { type StreamSettings, streamSpec } from "./stream-names.ts";

/** What a service's events need. */
export interface EventsOptions {
  readonly contract: Contract;
  /** Started before the events and stopped after them. */
  readonly database: Database;
  /** nats-server: one address or several with commas, nats:// or tls://, with user:password@ where it asks for them. */
  readonly natsUrl: string;
  /** Takes the events in that the contract's reactions name. Without it none are consumed. */
  readonly receive?: Receive;
  readonly stream?: StreamSettings;
  /** An event whose handler fails this often becomes a dead letter. Default 8. */
  readonly maxDeliveries?: number;
  /**
   * Full names of events whose loss would leave a saga in an illegal state: they never become dead letters, but are
   * tried for ever, at least every 60 s, with an error in the log once they have failed maxDeliveries times.
   */
  readonly critical?: ReadonlySet<string> | ((type: string) => boolean);
  /**
   * How long a delivered event may go without a sign of life, as of a process that was killed, before another replica
   * gets it, in milliseconds. Consumers that exist keep theirs: another value is told as drift. Default 30 000.
   */
  readonly ackWaitMs?: number;
  /** Clock by which old events are deleted: milliseconds since the epoch. Default Date.now; for tests. */
  readonly now?: () => number;
  readonly log: Logger;
}

/** How a service's events are doing. */
export interface EventsStatus {
  readonly connected: boolean;
  /** Whether this replica is the one that publishes. */
  readonly publishing: boolean;
  /** Services whose events cannot be consumed at the moment. */
  readonly waitingFor: readonly string[];
}

/**
 * A service's events: its outbox, the relay that publishes it, and the consumers of what others announce.
 *
 * start() does not need the broker: the service works without it, and what it announces waits in the outbox. It
 * throws StartError when the service's stream exists with other settings than wanted. stop() takes no more events,
 * lets running handlers finish and closes the connection.
 */
export interface Events extends Part {
  readonly outbox: Outbox;
  /** Makes parked events of these keys due again, in the transaction that moves their saga on. */
  release(tx: Transaction, keys: readonly string[]): Promise<void>;
  /** What this service could not take in; undefined where it takes nothing in. */
  readonly deadLetters: DeadLetters | undefined;
  /** How far this service is behind each service whose events it takes in. */
  backlogs(): Promise<EventsBacklog[]>;
  /** For readiness: a service that is not connected still serves. */
  status(): EventsStatus;
}

/** Handlers that are still running after this long are aborted, in milliseconds. */
const stopTimeoutMs = 10_000;
/** How many messages are requested ahead for each place in which one can be worked on. */
const messagesPerPlace = 4;
/** Connections of the pool that receptions leave to everything else. */
const otherConnections = 2;

/** Assembles the events of one service. */
export function createEvents(options: EventsOptions): Events {
  const { contract, database, receive, log } = options;
  const broker = natsBroker({ url: options.natsUrl, name: contract.name, log });
  const stream = streamSpec(contract.name, options.stream);
  const relay = createRelay({ service: contract.name, database, broker, stream, log });
  const taking = receive && createTaking(options, receive, broker);
  const announces = contract.events.size > 0;
  const pruner = createPruner({ database, maxAgeMs: stream.maxAgeMs, now: options.now ?? Date.now, log });
  const parts = [broker, pruner, ...(announces ? [relay] : []), ...(taking?.parts ?? [])];
  const all = group("events", parts);
  return {
    name: "events",
    outbox: createOutbox({ contract, kick: relay.kick }),
    deadLetters: taking?.deadLetters,
    backlogs: async () => (taking ? await readBacklogs(contract, database, await taking.backlogs()) : []),
    release: (tx, keys) => releaseParked(tx, keys, () => taking?.kick()),
    status: () => ({
      connected: broker.connected,
      publishing: relay.leading,
      waitingFor: taking?.waitingFor() ?? [],
    }),
    start: () => all.start(),
    stop: () => all.stop(),
  };
}

/** The parts that take events in. */
function createTaking(options: EventsOptions, receive: Receive, broker: ReturnType<typeof natsBroker>) {
  const { contract, database, log, maxDeliveries = 8, critical = new Set<string>() } = options;
  const aborting = new AbortController();
  const reactions = (contract.reactions?.events ?? []).filter((reaction) => reaction.ordered);
  const ordered = new Set(reactions.map(({ event }) => event.message.typeName));
  const reception: Reception = {
    consumer: contract.name,
    ...{ database, receive, log, maxDeliveries },
    isCritical: typeof critical === "function" ? critical : (type) => critical.has(type),
    isOrdered: (type) => ordered.has(type),
    signal: aborting.signal,
  };
  const places = Math.max(1, database.poolSize - otherConnections);
  const consumers = createConsumers({
    ...{ contract, broker, reception },
    queue: createKeyedQueue(places),
    maxMessages: places * messagesPerPlace,
    ackWaitMs: options.ackWaitMs,
  });
  const parkedWorker = createParkedWorker(reception);
  return {
    parts: [withDeadline(parkedWorker, aborting), withDeadline(consumers, aborting)],
    kick: parkedWorker.kick,
    deadLetters: createDeadLetters({ reception, kick: parkedWorker.kick }),
    waitingFor: () => consumers.waitingFor,
    backlogs: () => consumers.backlogs(),
  };
}

/** Aborts running handlers when stopping takes too long. */
function withDeadline(part: Part, aborting: AbortController): Part {
  return {
    name: part.name,
    start: () => part.start(),
    async stop() {
      const timer = setTimeout(() => aborting.abort(), stopTimeoutMs);
      try {
        await part.stop();
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
