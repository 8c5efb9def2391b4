import { expect, test } from "vitest";
import { renderAccounts } from "#mesh/nats";
import { silentLogger, testNats } from "#mesh/testing";
import { BrokerFault, type ConsumerSpec, type StreamSpec } from "../broker.ts";
import { consumerSpec, streamSpec } from "../stream-names.ts";
import { consumerConfig } from "./configuration.ts";
import { natsBroker } from "./nats-broker.ts";
import { ackFloor, consumersOf } from "./streams.fixture.ts";

const stream: StreamSpec = streamSpec("a.b", { maxBytes: 1024 * 1024 });
const consumer = (...events: string[]): ConsumerSpec =>
  consumerSpec("c.d", "a.b", { subjectPrefixes: events.map((event) => `evt.a.b.thing.${event}.v1`) });
const message = (event: string, id: string, bytes = 1) => ({
  ...{ stream: stream.name, subject: `evt.a.b.thing.${event}.v1.${id}`, messageId: id },
  ...{ headers: { "ce-id": id }, payload: new Uint8Array(bytes) },
});

async function connectedBroker(accounts?: string) {
  const nats = await testNats(accounts === undefined ? {} : { accounts });
  const broker = natsBroker({ url: nats.url, name: "test", log: silentLogger() });
  await broker.start();
  return {
    ...{ nats, broker },
    async [Symbol.asyncDispose]() {
      await broker.stop();
      await nats[Symbol.asyncDispose]();
    },
  };
}

const kindOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => (error instanceof BrokerFault ? error.kind : error),
  );

test("creates a stream once and recognises repetitions", async () => {
  await using test = await connectedBroker();
  const { broker } = test;
  await Promise.all([broker.ensureStream(stream), broker.ensureStream(stream)]);
  expect(await broker.publish(message("Made", "1"))).toEqual({ sequence: 1 });
  expect(await broker.publish(message("Made", "1"))).toEqual({ sequence: 1 });
  expect(await broker.publish(message("Made", "2"))).toEqual({ sequence: 2 });
});

test("tells a refused message from a full stream and from a missing one", async () => {
  await using test = await connectedBroker();
  const { broker } = test;
  expect(await kindOf(broker.publish(message("Made", "1")))).toBe("away");
  expect(await kindOf(broker.ensureConsumer(consumer("Made")))).toBe("no stream");
  await broker.ensureStream(stream);
  expect(await kindOf(broker.publish(message("Made", "1", 300_000)))).toBe("refused");
  expect(await kindOf(broker.publish(message("Made", "2", 2_000_000)))).toBe("refused");
  for (let n = 0; n < 4; n++) {
    await broker.publish(message("Made", `big${n}`, 250_000));
  }
  expect(await kindOf(broker.publish(message("Made", "3", 250_000)))).toBe("full");
});

test("says that it is away while it is not connected", async () => {
  await using test = await connectedBroker();
  const { broker, nats } = test;
  await nats.server.stop();
  await expect.poll(() => broker.connected).toBe(false);
  expect(await kindOf(broker.publish(message("Made", "1")))).toBe("away");
});

test("succeeds a consumer that had another filter where it stood", async () => {
  await using test = await connectedBroker();
  const { broker, nats } = test;
  await broker.ensureStream(stream);
  const first = await broker.ensureConsumer(consumer("Made"));
  for (const id of ["1", "2", "3"]) {
    await broker.publish(message("Made", id));
  }
  const consumption = await broker.consume(stream.name, first, 1);
  for await (const { sequence, ack } of consumption) {
    ack();
    if (sequence === 2) {
      break;
    }
  }
  consumption.stop();
  await expect.poll(() => ackFloor(nats.url, stream.name, first)).toBe(2);
  const second = await broker.ensureConsumer(consumer("Made", "Sold"));
  expect(second).not.toBe(first);
  expect(await broker.backlog(stream.name, second)).toMatchObject({ undelivered: 1 });
  expect(await broker.ensureConsumer(consumer("Made", "Sold"))).toBe(second);
});

test("leaves a consumer that had another filter where it may not take it down", async () => {
  const { durable_name } = consumerConfig(consumer("Sold"), "2.9.10");
  const calls = ["LIST.EVT_A_B", `CREATE.EVT_A_B.${durable_name}.>`, `INFO.EVT_A_B.${durable_name}`];
  const permissions = { publish: calls.map((call) => `$JS.API.CONSUMER.${call}`), subscribe: ["_INBOX.c_d.>"] };
  const users = [
    { name: "test", account: "EVENTS" },
    { name: "c.d", account: "EVENTS", permissions },
  ];
  await using test = await connectedBroker(`${renderAccounts(users, () => "secret")}\nno_auth_user: test`);
  await test.broker.ensureStream(stream);
  const before = await test.broker.ensureConsumer(consumer("Made"));
  const url = test.nats.url.replace("//", "//c.d:secret@");
  const service = natsBroker({ url, name: "c.d", log: silentLogger() });
  await service.start();
  const after = await service.ensureConsumer(consumer("Sold")).finally(() => service.stop());
  expect((await consumersOf(test.nats.url, stream.name)).toSorted()).toEqual([before, after].toSorted());
});

test("refuses a consumer that exists with other settings", async () => {
  await using test = await connectedBroker();
  const { broker } = test;
  await broker.ensureStream(stream);
  await broker.ensureConsumer(consumer("Made"));
  const other = broker.ensureConsumer({ ...consumer("Made"), maxAckPending: 7 });
  await expect(other).rejects.toThrow(
    /max_ack_pending is 256 and should be 7\. Remove it with "nats consumer rm EVT_A_B/,
  );
});

test("filters exactly where the server can, and by one pattern where it cannot", () => {
  const two = consumer("Made", "Sold");
  expect(consumerConfig(two, "2.9.10")).toMatchObject({ filter_subject: "evt.a.b.>" });
  expect(consumerConfig(two, "2.10.0")).toMatchObject({
    filter_subjects: ["evt.a.b.thing.Made.v1.*", "evt.a.b.thing.Sold.v1.*"],
  });
  expect(consumerConfig(consumer("Made"), "2.9.10")).toMatchObject({ filter_subject: "evt.a.b.thing.Made.v1.*" });
  expect(consumerConfig(two, "2.9.10").durable_name).not.toBe(consumerConfig(two, "2.12.1").durable_name);
});
