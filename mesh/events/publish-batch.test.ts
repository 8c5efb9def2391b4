import { expect, test } from "vitest";
import { BrokerFault, type OutgoingMessage } from "./broker.ts";
import type { WaitingEvent } from "./outbox-queue.ts";
import { publishBatch } from "./publish-batch.ts";

const waiting = (id: string, key: string): WaitingEvent => ({
  ...{ id, eventId: `event-${id}`, key, type: "T", subject: `s.${key}` },
  ...{ headers: {}, payload: new Uint8Array(), republished: 0 },
});

/** The answers that no healthy server gives. */
function answering(answer: (message: OutgoingMessage) => number | BrokerFault) {
  const sent: OutgoingMessage[] = [];
  const publish = async (message: OutgoingMessage) => {
    sent.push(message);
    const sequence = answer(message);
    if (sequence instanceof BrokerFault) {
      throw sequence;
    }
    return { sequence };
  };
  return { sent, broker: { publish } };
}

test("sends an event that is acknowledged but not stored again under another id", async () => {
  const { broker, sent } = answering(({ messageId }) => (messageId === "event-1" ? 0 : 7));
  const { published } = await publishBatch(broker, "S", [waiting("1", "a")]);
  expect(published).toEqual([{ id: "1", key: "a", sequence: 7 }]);
  expect(sent.map(({ messageId }) => messageId)).toEqual(["event-1", expect.stringMatching(/^event-1~/)]);
});

test("sends an event that the stream had lost under another id than before", async () => {
  const { broker, sent } = answering(() => 7);
  await publishBatch(broker, "S", [{ ...waiting("1", "a"), republished: 2 }]);
  expect(sent.map(({ messageId }) => messageId)).toEqual(["event-1~r2"]);
});

test("takes an event that is never stored as a fault of the broker", async () => {
  const { broker } = answering(() => 0);
  const { published, failed } = await publishBatch(broker, "S", [waiting("1", "a")]);
  expect(published).toEqual([]);
  expect(failed).toMatchObject([{ fault: { kind: "away" } }]);
});

test("keeps the later events of a key back when one is refused, and sends those of other keys", async () => {
  const refused = new BrokerFault("refused", "too large");
  const { broker, sent } = answering(({ messageId }) => (messageId === "event-1" ? refused : 1));
  const events = [waiting("1", "a"), waiting("2", "a"), waiting("3", "b"), waiting("4", "b")];
  const { published, failed } = await publishBatch(broker, "S", events);
  expect(sent.map(({ messageId }) => messageId)).toEqual(["event-1", "event-3", "event-4"]);
  expect(published.map(({ id }) => id)).toEqual(["3", "4"]);
  expect(failed.map(({ event }) => event.id)).toEqual(["1"]);
});

test("stops all keys when the broker is full", async () => {
  const { broker, sent } = answering(() => new BrokerFault("full", "maximum bytes exceeded"));
  const events = [waiting("1", "a"), waiting("2", "a"), waiting("3", "b"), waiting("4", "b")];
  const { failed } = await publishBatch(broker, "S", events);
  expect(sent.map(({ messageId }) => messageId)).toEqual(["event-1", "event-3"]);
  expect(failed).toHaveLength(2);
});
