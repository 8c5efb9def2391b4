import { connect, type JetStreamManager } from "nats";

/** Deletes a stream and all that it holds: for tests of what happens then. */
export function deleteStream(url: string, name: string): Promise<void> {
  return withManager(url, async (manager) => {
    await manager.streams.delete(name);
  });
}

/** Names of the consumers of a stream: for tests. */
export function consumersOf(url: string, stream: string): Promise<string[]> {
  return withManager(url, async (manager) => (await manager.consumers.list(stream).next()).map(({ name }) => name));
}

/** Up to which message of the stream a consumer has acknowledged everything: for tests. */
export function ackFloor(url: string, stream: string, durable: string): Promise<number> {
  return withManager(url, async (manager) => (await manager.consumers.info(stream, durable)).ack_floor.stream_seq);
}

async function withManager<T>(url: string, work: (manager: JetStreamManager) => Promise<T>): Promise<T> {
  const nats = await connect({ servers: new URL(url).host });
  try {
    return await work(await nats.jetstreamManager());
  } finally {
    await nats.close();
  }
}

/** Deletes one message from the middle of a stream, as a damaged store would: for tests. */
export function deleteMessage(url: string, stream: string, sequence: number): Promise<void> {
  return withManager(url, async (manager) => {
    await manager.streams.deleteMessage(stream, sequence);
  });
}

/** Puts an empty stream with the same settings in the place of one: for tests. */
export function addStreamLike(url: string, stream: string): Promise<void> {
  return withManager(url, async (manager) => {
    const { config } = await manager.streams.info(stream);
    await manager.streams.delete(stream);
    await manager.streams.add(config);
  });
}
