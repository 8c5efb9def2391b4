import { connect } from "nats";

/** Deletes a stream and all that it holds: for tests of what happens then. */
export async function deleteStream(url: string, name: string): Promise<void> {
  const nats = await connect({ servers: new URL(url).host });
  const manager = await nats.jetstreamManager();
  await manager.streams.delete(name);
  await nats.close();
}
