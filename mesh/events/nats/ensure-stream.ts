import type { JetStreamManager, StreamConfig } from "nats";
import { apiErrorCode } from "#mesh/nats";
import type { StreamSpec } from "../broker.ts";
import { requireEqual, streamConfig } from "./configuration.ts";

const streamNotFound = 10059;
const nameInUse = 10058;

/** Creates the stream, or checks the one that exists; another replica may create it at the same moment. */
export async function ensureStream(manager: JetStreamManager, stream: StreamSpec): Promise<void> {
  const wanted = streamConfig(stream);
  const actual = (await find(manager, stream.name)) ?? (await create(manager, wanted));
  requireEqual(
    `Stream ${stream.name}`,
    wanted,
    actual,
    `Change it with "nats stream edit ${stream.name}" or the setting of this service; what cannot be edited needs ` +
      `"nats stream rm ${stream.name}" once every consumer has read it.`,
  );
}

async function create(manager: JetStreamManager, wanted: ReturnType<typeof streamConfig>): Promise<StreamConfig> {
  try {
    return (await manager.streams.add(wanted)).config;
  } catch (error) {
    if (apiErrorCode(error) !== nameInUse) {
      throw error;
    }
    return (await manager.streams.info(wanted.name)).config;
  }
}

async function find(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (apiErrorCode(error) !== streamNotFound) {
      throw error;
    }
    return undefined;
  }
}
