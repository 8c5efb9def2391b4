import type { Contract } from "#mesh/contract";
import type { Part } from "#mesh/process";
import type { Backlog, Broker, IncomingMessage } from "./broker.ts";
import { type Consumer, runConsumer } from "./consumer.ts";
import { type ConsumerLane, consumerLanes } from "./consumer-lanes.ts";
import { buryUnreadable, handleMessage, readMessage } from "./handle-message.ts";
import type { KeyedQueue } from "./keyed-queue.ts";
import type { Reception } from "./reception.ts";

/** The consumers of a service: one for each service whose events it reacts to, and another for those in order. */
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
  /** How long a delivered event may go without a sign of life before it is delivered again, in milliseconds. */
  readonly ackWaitMs: number | undefined;
}

/**
 * When a message that was not begun may go to another replica, in milliseconds. At once it would be sent after the
 * request that has just been given up, and come back only when its time for an acknowledgement is over.
 */
const giveBackDelayMs = 100;

/** Creates the consumers that the reactions of a contract ask for. start() does not wait for streams to appear. */
export function createConsumers(options: ConsumersOptions): Consumers {
  const { contract, broker, reception, queue, maxMessages, ackWaitMs } = options;
  const consumers: { readonly producer: string; readonly consumer: Consumer }[] = [];
  let stopping = false;

  async function handle(wanted: ReadonlySet<string>, message: IncomingMessage): Promise<void> {
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

  function consume({ producer, reactions, spec }: ConsumerLane): void {
    const wanted = new Set(reactions.map(({ event }) => event.message.typeName));
    const own = (message: IncomingMessage) => handle(wanted, message);
    consumers.push({ producer, consumer: runConsumer({ broker, spec, maxMessages, handle: own, log: reception.log }) });
  }

  return {
    name: "consumers",
    get waitingFor() {
      return [...new Set(consumers.filter(({ consumer }) => !consumer.consuming).map(({ producer }) => producer))];
    },
    async backlogs() {
      const read = consumers.map(async ({ producer, consumer }) => ({ producer, backlog: await consumer.backlog() }));
      const byProducer = Map.groupBy(await Promise.all(read), ({ producer }) => producer);
      return new Map(
        [...byProducer].map(([producer, lanes]) => [producer, total(lanes.map(({ backlog }) => backlog))]),
      );
    },
    async start() {
      for (const lane of consumerLanes(contract, ackWaitMs)) consume(lane);
    },
    async stop() {
      stopping = true;
      await Promise.all(consumers.map(({ consumer }) => consumer.stop()));
    },
  };
}

/** What all lanes of a producer have left; undefined where one of them is not known. */
function total(backlogs: readonly (Backlog | undefined)[]): Backlog | undefined {
  return backlogs.reduce((sum, lane) => {
    return (
      sum &&
      lane && {
        undelivered: sum.undelivered + lane.undelivered,
        unacknowledged: sum.unacknowledged + lane.unacknowledged,
        redelivered: sum.redelivered + lane.redelivered,
      }
    );
  });
}
