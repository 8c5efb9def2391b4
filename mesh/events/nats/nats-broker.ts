import { headers, type JetStreamClient, type JetStreamManager, type NatsConnection } from "nats";
import { maintainConnection, toBrokerFault } from "#mesh/nats";
import type { Logger } from "#mesh/telemetry";
import type { Broker, OutgoingMessage } from "../broker.ts";
import { consume } from "./consume.ts";
import { ensureConsumer } from "./ensure-consumer.ts";
import { ensureStream } from "./ensure-stream.ts";
import { eventIdAt, inspectStream, missingSequences, readBacklog } from "./inspect-stream.ts";
import { rewindConsumers } from "./rewind-consumers.ts";

/** How long the answer to a publication is waited for, in milliseconds. */
const publishTimeoutMs = 5_000;
/** How long an answer of the server's management is waited for, in milliseconds. */
const managementTimeoutMs = 5_000;

/** The broker as nats-server 2.9.10 and newer, with JetStream. `name` is shown in the server's list of connections. */
export function natsBroker(options: { url: string; name: string; log: Logger }): Broker {
  const connection = maintainConnection(options);
  const wakeCallbacks: { subject: string; callback: () => void }[] = [];

  const manager = (nats: NatsConnection): Promise<JetStreamManager> =>
    nats.jetstreamManager({ checkAPI: false, timeout: managementTimeoutMs });

  async function use<T>(work: (nats: NatsConnection) => Promise<T>): Promise<T> {
    try {
      return await work(connection.current());
    } catch (error) {
      throw toBrokerFault(error);
    }
  }

  let subscribed: NatsConnection | undefined;
  connection.onConnect(() => {
    const nats = connection.current();
    // The client renews subscriptions itself when it reconnects; only another connection needs them again.
    if (nats !== subscribed) {
      subscribed = nats;
      for (const wake of wakeCallbacks) {
        subscribe(nats, wake);
      }
    }
  });

  return {
    name: "broker",
    get connected() {
      return connection.connected;
    },
    onConnect: (callback) => connection.onConnect(callback),
    start: () => connection.start(),
    stop: () => connection.stop(),
    publish: (message) => use((nats) => publish(jetstreamOf(nats), message)),
    ensureStream: (stream) => use(async (nats) => ensureStream(await manager(nats), stream)),
    inspectStream: (stream) => use(async (nats) => inspectStream(await manager(nats), stream)),
    missingSequences: (stream) => use(async (nats) => missingSequences(await manager(nats), stream)),
    eventIdAt: (stream, sequence) => use(async (nats) => eventIdAt(await manager(nats), stream, sequence)),
    rewindConsumers: (stream, sequence) => use(async (nats) => rewindConsumers(await manager(nats), stream, sequence)),
    ensureConsumer: (consumer) =>
      use(async (nats) => {
        const version = nats.info?.version ?? "";
        return await ensureConsumer({ manager: await manager(nats), version, log: options.log }, consumer);
      }),
    consume: (stream, durable, maxMessages) =>
      use((nats) => consume(nats, { stream, durable, maxMessages, onLost: connection.onLost })),
    backlog: (stream, durable) => use(async (nats) => readBacklog(await manager(nats), stream, durable)),
    wake(service) {
      if (connection.connected) {
        connection.current().publish(`wake.${service}`);
      }
    },
    onWake(service, callback) {
      const wake = { subject: `wake.${service}`, callback };
      wakeCallbacks.push(wake);
      if (subscribed !== undefined) {
        subscribe(subscribed, wake);
      }
    },
  };
}

function subscribe(nats: NatsConnection, { subject, callback }: { subject: string; callback: () => void }): void {
  nats.subscribe(subject, { callback: () => callback() });
}

const jetstreams = new WeakMap<NatsConnection, JetStreamClient>();

function jetstreamOf(nats: NatsConnection): JetStreamClient {
  const known = jetstreams.get(nats) ?? nats.jetstream();
  jetstreams.set(nats, known);
  return known;
}

async function publish(jetstream: JetStreamClient, message: OutgoingMessage): Promise<{ sequence: number }> {
  const natsHeaders = headers();
  for (const [name, value] of Object.entries(message.headers)) {
    natsHeaders.set(name, value);
  }
  const { seq } = await jetstream.publish(message.subject, message.payload, {
    msgID: message.messageId,
    expect: { streamName: message.stream },
    headers: natsHeaders,
    timeout: publishTimeoutMs,
  });
  return { sequence: seq };
}
