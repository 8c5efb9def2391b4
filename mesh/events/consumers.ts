import type { Contract, EventContract } from "#mesh/contract";
import type { Part } from "#mesh/process";
import type { Backlog, Broker, IncomingMessage } from "./broker.ts";
import { type Consumer, runConsumer } from "./consumer.ts";
import { buryUnreadable, handleMessage, readMessage } from "./handle-message.ts";
import type { KeyedQueue } from "./keyed-queue.ts";
import type { Reception } from "./reception.ts";
import { consumerSpec } from "./stream-names.ts";

/** The consumers of a service: one for each service whose events it reacts to. */
export interface Consumers extends Part {
  /** Services whose events cannot be consumed at the moment. */
  readonly waitingFor: readonly string[];
  /** How far the service is behind each producer; undefined where nothing is pulled at the moment. */
  backlogs(): Promise<ReadonlyMap<string, Backlog | undefined>>;
}

/** What the consumers need. */
export interface ConsumersOptions {
  readonly contract: Contract;
  readonly broker: Broker;
  readonly reception: Reception;
  /** Runs the receptions of a key in order, and no more at once than the database has connections for. */
  readonly queue: KeyedQueue;
  /** Most messages of one producer that are requested ahead. */
  readonly maxMessages: number;
}

/**
 * When a message that was not begun may go to another replica, in milliseconds. At once it would be sent after the
 * request that has just been given up, and come back only when its time for an acknowledgement is over.
 */
const giveBackDelayMs = 100;

/** Creates the consumers that the reactions of a contract ask for. start() does not wait for streams to appear. */
export function createConsumers(options: ConsumersOptions): Consumers {
  const { contract, broker, reception, queue, maxMessages } = options;
  const events = (contract.reactions?.events ?? []).map(({ event }) => event);
  const wanted = new Set(events.map(({ message }) => message.typeName));
  const consumers = new Map<string, Consumer>();
  let stopping = false;

  async function handle(message: IncomingMessage): Promise<void> {
    const delivery = readMessage(message);
    if (delivery instanceof Error) {
      return await buryUnreadable(reception, message, delivery);
    }
    if (!wanted.has(delivery.type)) {
      // Servers before 2.10 cannot filter as exactly as we want.
      return message.ack();
    }
    await queue.run(delivery.key, async () => {
      await (stopping ? message.retry(giveBackDelayMs) : handleMessage(reception, message, delivery));
    });
  }

  function consume(producer: string, ofProducer: readonly EventContract[]): Consumer {
    const prefixes = new Set(ofProducer.map(({ subjectPrefix }) => subjectPrefix));
    const spec = consumerSpec(contract.name, producer, [...prefixes]);
    return runConsumer({ broker, spec, maxMessages, handle, log: reception.log });
  }

  return {
    name: "consumers",
    get waitingFor() {
      return [...consumers].filter(([, { consuming }]) => !consuming).map(([producer]) => producer);
    },
    async backlogs() {
      const read = [...consumers].map(async ([producer, consumer]) => [producer, await consumer.backlog()] as const);
      return new Map(await Promise.all(read));
    },
    async start() {
      for (const [producer, ofProducer] of Map.groupBy(events, ({ service }) => service)) {
        consumers.set(producer, consume(producer, ofProducer));
      }
    },
    async stop() {
      stopping = true;
      await Promise.all([...consumers.values()].map((consumer) => consumer.stop()));
    },
  };
}
