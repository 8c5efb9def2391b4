import { expect, onTestFinished, test, vi } from "vitest";
import { silentLogger } from "#mesh/testing";
import type { Broker, Consumption } from "./broker.ts";
import { runConsumer } from "./consumer.ts";
import { consumerSpec } from "./stream-names.ts";

/** A broker whose pulls get lost: nothing ever arrives. */
function silentBroker(backlog: number) {
  const consume = vi.fn(async (): Promise<Consumption> => {
    const stopped = Promise.withResolvers<IteratorResult<never>>();
    const iterator = { next: () => stopped.promise };
    return {
      [Symbol.asyncIterator]: () => iterator,
      stop: () => stopped.resolve({ done: true, value: undefined }),
    };
  });
  const broker: Broker = {
    ...{ name: "silent", connected: true, consume },
    start: async () => undefined,
    stop: async () => undefined,
    onConnect: () => () => undefined,
    publish: async () => ({ sequence: 1 }),
    ensureStream: async () => undefined,
    inspectStream: async () => ({ created: "", firstSequence: 1, lastSequence: 0, messages: 0 }),
    missingSequences: async () => [],
    eventIdAt: async () => undefined,
    rewindConsumers: async () => [],
    ensureConsumer: async () => "durable",
    backlog: async () => ({ undelivered: backlog, unacknowledged: 0, redelivered: 0 }),
    wake: () => undefined,
    onWake: () => undefined,
  };
  return { broker, consume };
}

const start = (broker: Broker) =>
  runConsumer({
    ...{ broker, spec: consumerSpec("c.d", "a.b", { subjectPrefixes: [] }), maxMessages: 4, log: silentLogger() },
    handle: async () => undefined,
  });

test("starts a consumer anew that is silent although there is something", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { broker, consume } = silentBroker(3);
  const consumer = start(broker);
  await vi.advanceTimersByTimeAsync(25_000);
  expect(consume).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(consume).toHaveBeenCalledTimes(2);
  await consumer.stop();
});

test("leaves a consumer alone that is silent because there is nothing", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { broker, consume } = silentBroker(0);
  const consumer = start(broker);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(consume).toHaveBeenCalledTimes(1);
  await consumer.stop();
});
