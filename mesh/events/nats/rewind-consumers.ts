import { type ConsumerInfo, DeliverPolicy, type JetStreamManager } from "nats";
import { faultPoint } from "#mesh/fault";
import { apiErrorCode } from "#mesh/nats";

const consumerNotFound = 10014;

/**
 * Creates the durables anew that stand behind `sequence`, up to which the stream is right.
 *
 * A server does not do so itself before 2.14: a durable that stands at 100 of a stream that ends at 50 gets none of
 * the next 50 messages. Nor can the durable's own service: once enough is published again, the stream looks as if
 * nothing had happened. The producer's relay can: nobody else writes to the stream, and it writes nothing before this.
 */
export async function rewindConsumers(manager: JetStreamManager, stream: string, sequence: number): Promise<string[]> {
  const ahead: ConsumerInfo[] = [];
  for await (const info of manager.consumers.list(stream)) {
    if (info.config.durable_name !== undefined && info.delivered.stream_seq > sequence) {
      ahead.push(info);
    }
  }
  for (const info of ahead) {
    await rewind(manager, info, sequence);
  }
  return ahead.map(({ name }) => name);
}

async function rewind(manager: JetStreamManager, info: ConsumerInfo, sequence: number): Promise<void> {
  const { stream_name, name, config, ack_floor } = info;
  await ignoring(consumerNotFound, manager.consumers.delete(stream_name, name));
  await faultPoint("repair.consumer-deleted");
  const { opt_start_time: _, ...rest } = config;
  const start = Math.min(ack_floor.stream_seq, sequence) + 1;
  try {
    const begun = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: start };
    await manager.consumers.add(stream_name, { ...rest, ...begun });
  } catch (error) {
    // Its own service may have been faster: then it begins at the first message, which is as good.
    const found = await manager.consumers.info(stream_name, name).catch(() => undefined);
    if (found === undefined || found.delivered.stream_seq > sequence) {
      throw error;
    }
  }
}

async function ignoring(code: number, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (apiErrorCode(error) !== code) {
      throw error;
    }
  }
}
