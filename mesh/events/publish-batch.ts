import { faultPoint } from "#mesh/fault";
import { type Broker, BrokerFault } from "./broker.ts";
import type { PublishedEvent, WaitingEvent } from "./outbox-queue.ts";

/** What became of a batch. Events that appear in neither list were not tried, because an earlier one of their key failed. */
export interface BatchResult {
  readonly published: readonly PublishedEvent[];
  readonly failed: readonly { readonly event: WaitingEvent; readonly fault: BrokerFault }[];
}

/** How often an event is sent again under another id when the broker answers that it has it, but stored nothing. */
const freshIds = 3;

/** Publishes events: in order within a key, side by side across keys. When the broker is away or full, all stop. */
export async function publishBatch(
  broker: Pick<Broker, "publish">,
  stream: string,
  events: readonly WaitingEvent[],
): Promise<BatchResult> {
  const published: PublishedEvent[] = [];
  const failed: { event: WaitingEvent; fault: BrokerFault }[] = [];
  let halted = false;
  const publishKey = async (ofKey: readonly WaitingEvent[]) => {
    for (const event of ofKey) {
      if (halted) {
        return;
      }
      try {
        const sequence = await publishEvent(broker, stream, event);
        published.push({ id: event.id, key: event.key, sequence });
      } catch (error) {
        const fault = error instanceof BrokerFault ? error : new BrokerFault("refused", String(error));
        failed.push({ event, fault });
        halted ||= fault.kind !== "refused";
        return;
      }
    }
  };
  await Promise.all([...Map.groupBy(events, ({ key }) => key).values()].map(publishKey));
  return { published, failed };
}

/**
 * Publishes one event and returns its place in the stream.
 *
 * A place of 0 means that nothing was stored, though the answer says "duplicate": a broker that lost its leader may
 * know the id of a message it has dropped (replicated nats-server 2.10.14 to 2.10.29). Another id gets it stored;
 * consumers tell events by ce-id alone.
 */
async function publishEvent(broker: Pick<Broker, "publish">, stream: string, event: WaitingEvent): Promise<number> {
  const { eventId, subject, headers, payload, republished } = event;
  // The broker may still know the id of a message that it has lost, and take the event for a repetition.
  const firstId = republished === 0 ? eventId : `${eventId}~r${republished}`;
  for (let fresh = 0; fresh <= freshIds; fresh++) {
    const messageId = fresh === 0 ? firstId : `${eventId}~${Date.now().toString(36)}${fresh}`;
    const { sequence } = await broker.publish({ stream, subject, headers, payload, messageId });
    if (sequence > 0) {
      if ((await faultPoint("relay.acknowledged")) === "repeat") {
        await broker.publish({ stream, subject, headers, payload, messageId: `${messageId}~repeated` });
      }
      return sequence;
    }
  }
  throw new BrokerFault("away", "the broker acknowledges without storing");
}
