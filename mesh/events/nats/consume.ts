import type { ConsumerMessages, JsMsg, NatsConnection } from "nats";
import type { Consumption, IncomingMessage } from "../broker.ts";
import { toBrokerFault } from "./broker-fault.ts";

/** Starts pulling from a durable: at most `maxMessages` are requested ahead. */
export async function consume(
  nats: NatsConnection,
  stream: string,
  durable: string,
  maxMessages: number,
): Promise<Consumption> {
  const consumer = await nats.jetstream().consumers.get(stream, durable);
  const messages = await consumer.consume({
    max_messages: maxMessages,
    expires: 30_000,
    idle_heartbeat: 5_000,
    // Without it a consumer that was deleted is asked for messages for ever.
    abort_on_missing_resource: true,
  });
  return { [Symbol.asyncIterator]: () => incoming(messages), stop: () => messages.stop() };
}

async function* incoming(messages: ConsumerMessages): AsyncGenerator<IncomingMessage, void> {
  try {
    for await (const message of messages) {
      yield incomingMessage(message);
    }
  } catch (error) {
    throw toBrokerFault(error);
  }
}

function incomingMessage(message: JsMsg): IncomingMessage {
  const headers: Record<string, string> = {};
  for (const [name, [value]] of message.headers ?? []) {
    headers[name] = value ?? "";
  }
  return {
    stream: message.info.stream,
    sequence: message.info.streamSequence,
    subject: message.subject,
    headers,
    payload: message.data,
    deliveries: message.info.redeliveryCount,
    ack: () => message.ack(),
    retry: (delayMs) => message.nak(delayMs),
    // Without a reason: servers before 2.10.4 ignore one that carries any.
    terminate: () => message.term(),
    working: () => message.working(),
  };
}
