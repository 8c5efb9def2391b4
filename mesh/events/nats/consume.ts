import type { ConsumerMessages, JsMsg, NatsConnection, Subscription } from "nats";
import { toBrokerFault } from "#mesh/nats";
import type { Consumption, IncomingMessage } from "../broker.ts";

/** What to pull, and how. */
export interface ConsumeOptions {
  readonly stream: string;
  readonly durable: string;
  /** Most messages that are requested ahead. */
  readonly maxMessages: number;
  /** Calls back when the connection is lost. Returns a function that ends it. */
  readonly onLost: (callback: () => void) => () => void;
}

/** How long a consumer that stops waits for what is on its way, in milliseconds. */
const lastMessagesMs = 1_000;

/** Whether what was received may still be answered. */
interface Life {
  over: boolean;
}

/**
 * Starts pulling from a durable, until the connection is lost or the durable is gone.
 *
 * What was received before that is not answered any more: an answer names no more than a position in the stream, and
 * after a repair the same position of the same durable may hold another event, which would then never be handled.
 * What is not answered comes again, and the inbox knows it.
 */
export async function consume(nats: NatsConnection, options: ConsumeOptions): Promise<Consumption> {
  const { stream, durable, maxMessages, onLost } = options;
  const consumer = await nats.jetstream().consumers.get(stream, durable);
  const messages = await consumer.consume({
    max_messages: maxMessages,
    expires: 30_000,
    idle_heartbeat: 5_000,
    // Without it a consumer that was deleted is asked for messages for ever.
    abort_on_missing_resource: true,
  });
  const life: Life = { over: false };
  // Left alone, the client would ask for messages again as soon as it is back.
  const forget = onLost(() => {
    life.over = true;
    messages.stop();
  });
  return { [Symbol.asyncIterator]: () => incoming(messages, life, forget), stop: () => stopPulling(messages) };
}

/**
 * Takes in what the server has sent until it hears that no more is wanted: what is dropped here nobody could give
 * back, and it would come again only when its time for an acknowledgement is over. The client itself drops it, and
 * keeps its subscription to itself.
 */
function stopPulling(messages: ConsumerMessages): void {
  if (!hasSubscription(messages) || messages.sub.isClosed()) {
    messages.stop();
    return;
  }
  // Also where the server never says that it has heard.
  const givenUp = setTimeout(() => messages.stop(), lastMessagesMs);
  // Without a connection there is nothing to take in.
  const drained = messages.sub.drain().catch(() => messages.stop());
  void drained.finally(() => clearTimeout(givenUp));
}

function hasSubscription(messages: ConsumerMessages): messages is ConsumerMessages & { readonly sub: Subscription } {
  const sub: unknown = Reflect.get(messages, "sub");
  return typeof sub === "object" && sub !== null && "drain" in sub && "isClosed" in sub;
}

async function* incoming(
  messages: ConsumerMessages,
  life: Life,
  forget: () => void,
): AsyncGenerator<IncomingMessage, void> {
  try {
    for await (const message of messages) {
      yield incomingMessage(message, life);
    }
  } catch (error) {
    life.over = true;
    throw toBrokerFault(error);
  } finally {
    forget();
  }
}

function incomingMessage(message: JsMsg, life: Life): IncomingMessage {
  const unlessOver = (answer: () => void) => {
    if (!life.over) {
      answer();
    }
  };
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
    ack: () => unlessOver(() => message.ack()),
    retry: (delayMs) => unlessOver(() => message.nak(delayMs)),
    // Without a reason: servers before 2.10.4 ignore one that carries any.
    terminate: () => unlessOver(() => message.term()),
    working: () => unlessOver(() => message.working()),
  };
}
