import type { JetStreamManager } from "nats";
import { apiErrorCode } from "#mesh/nats";
import type { Backlog, StreamTail } from "../broker.ts";

const noMessage = 10037;

/** Reads how far a stream reaches. */
export async function inspectStream(manager: JetStreamManager, stream: string): Promise<StreamTail> {
  const { created, state } = await manager.streams.info(stream);
  return {
    created: String(created),
    // An empty stream that never held anything says 0.
    firstSequence: Math.max(1, state.first_seq),
    lastSequence: state.last_seq,
    messages: state.messages,
  };
}

/** Positions whose messages were deleted, or lost by a damaged store. */
export async function missingSequences(manager: JetStreamManager, stream: string): Promise<readonly number[]> {
  const { state } = await manager.streams.info(stream, { deleted_details: true });
  return [...(state.deleted ?? []), ...(state.lost?.msgs ?? [])];
}

/** Reads which event a position holds. */
export async function eventIdAt(
  manager: JetStreamManager,
  stream: string,
  sequence: number,
): Promise<string | undefined> {
  try {
    const message = await manager.streams.getMessage(stream, { seq: sequence });
    return message.header.get("ce-id");
  } catch (error) {
    if (apiErrorCode(error) !== noMessage) {
      throw error;
    }
    return undefined;
  }
}

/** Reads how far a consumer is behind. */
export async function readBacklog(manager: JetStreamManager, stream: string, durable: string): Promise<Backlog> {
  const info = await manager.consumers.info(stream, durable);
  return {
    undelivered: info.num_pending,
    unacknowledged: info.num_ack_pending,
    redelivered: info.num_redelivered,
  };
}
