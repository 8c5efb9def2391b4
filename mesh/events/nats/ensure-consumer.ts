import { type ConsumerInfo, DeliverPolicy, type JetStreamManager } from "nats";
import { apiErrorCode } from "#mesh/nats";
import type { Logger } from "#mesh/telemetry";
import type { ConsumerSpec } from "../broker.ts";
import { consumerConfig, requireEqual } from "./configuration.ts";

const consumerNotFound = 10014;

/** What ensureConsumer() works with. */
export interface ConsumerServer {
  readonly manager: JetStreamManager;
  readonly version: string;
  readonly log: Logger;
}

/**
 * Creates the durable, or checks the one that exists, and returns its name.
 *
 * A filter is never changed in place, which stops delivery on servers before 2.9.12: another filter is another
 * durable. It begins where its predecessor stood; the inbox absorbs the overlap.
 */
export async function ensureConsumer(server: ConsumerServer, consumer: ConsumerSpec): Promise<string> {
  const { manager } = server;
  const wanted = consumerConfig(consumer, server.version);
  const existing = await find(manager, consumer.stream, wanted.durable_name);
  if (existing === undefined) {
    const predecessors = await findPredecessors(manager, consumer);
    const created = await manager.consumers.add(consumer.stream, { ...wanted, ...startAfter(predecessors) });
    await retire(server, predecessors);
    requireSame(consumer.stream, { ...wanted, ...startAfter(predecessors) }, created);
  } else {
    // A successor began at a sequence; every other setting must be as wanted.
    const { deliver_policy: _, ...rest } = wanted;
    requireSame(consumer.stream, rest, existing);
  }
  return wanted.durable_name;
}

function requireSame(stream: string, wanted: object, { name, config }: ConsumerInfo): void {
  const mend = `Remove it with "nats consumer rm ${stream} ${name}": it is created again, and repetitions are harmless.`;
  requireEqual(`Consumer ${name} of stream ${stream}`, wanted, config, mend);
}

function startAfter(predecessors: readonly ConsumerInfo[]) {
  if (predecessors.length === 0) {
    return {};
  }
  const floor = Math.max(...predecessors.map(({ ack_floor }) => ack_floor.stream_seq));
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: floor + 1 };
}

async function findPredecessors(manager: JetStreamManager, consumer: ConsumerSpec): Promise<ConsumerInfo[]> {
  const found: ConsumerInfo[] = [];
  for await (const info of manager.consumers.list(consumer.stream)) {
    if (info.name.startsWith(`${consumer.name}__`)) {
      found.push(info);
    }
  }
  return found;
}

async function retire({ manager, log }: ConsumerServer, predecessors: readonly ConsumerInfo[]): Promise<void> {
  for (const { stream_name, name, num_waiting } of predecessors) {
    // Someone still pulls: a replica of the version before. It is retired by the next start.
    if (num_waiting === 0) {
      await manager.consumers.delete(stream_name, name);
      log.info({ stream: stream_name, durable: name }, "retired a consumer that had another filter");
    }
  }
}

async function find(manager: JetStreamManager, stream: string, name: string): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(stream, name);
  } catch (error) {
    if (apiErrorCode(error) !== consumerNotFound) {
      throw error;
    }
    return undefined;
  }
}
