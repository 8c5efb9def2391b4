import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { maintainConnection, openBucket } from "#mesh/nats";
import type { Part } from "#mesh/process";
import { eventually, silentLogger, type TestNats, testNats } from "#mesh/testing";
import {
  createDiscovery,
  createRegistrar,
  createRegistry,
  type Instance,
  type Registration,
  registryBucket,
} from "./index.ts";

const log = silentLogger();
const times = { heartbeatMs: 50, lifeMs: 1_000 };
const order: Registration = {
  ...{ service: "shop.order", address: "127.0.0.1:1", version: "1.0.0", zone: "a", weight: 1 },
  schemaHash: "abc",
};

let nats: TestNats;
const started: Part[] = [];

async function start<P extends Part>(part: P): Promise<P> {
  await part.start();
  started.push(part);
  return part;
}

async function bucket() {
  const connection = maintainConnection({ url: nats.url, name: "test", log });
  await start({ name: "connection", start: () => connection.start(), stop: () => connection.stop() });
  return openBucket(connection, registryBucket(1), log);
}

const registry = async () => start(createRegistry(await bucket(), log, times));
const register = async (registration: Registration) =>
  start(createRegistrar(await bucket(), () => registration, log, times));

/** The latest set that a watch has published. */
function latest(found: { watch: Awaited<ReturnType<typeof registry>>["watch"] }) {
  const state: { set: readonly Instance[] | undefined; smallest: number } = { set: undefined, smallest: Infinity };
  found.watch("shop.order", (set) => {
    state.set = set;
    state.smallest = Math.min(state.smallest, set.length);
  });
  return state;
}

beforeEach(async () => {
  nats = await testNats();
});
afterEach(async () => {
  for (const part of started.splice(0).reverse()) await part.stop();
  await nats[Symbol.asyncDispose]();
});

describe("the registry", () => {
  it("tells of an instance with all that it says of itself, and when it signs off", async () => {
    const watching = latest(await registry());
    const registrar = await register(order);
    await eventually(() => expect(watching.set).toEqual([expect.objectContaining({ ...order, state: "serving" })]));
    await registrar.stop();
    await eventually(() => expect(watching.set?.[0]?.state).toBe("draining"));
    await registrar.removal.stop();
    await eventually(() => expect(watching.set).toEqual([]));
  });

  it("tells whoever comes later, and of its own service only", async () => {
    await register(order);
    await register({ ...order, service: "shop.catalog" });
    const late = await registry();
    const watching = latest(late);
    await eventually(() => expect(watching.set).toHaveLength(1));
    await eventually(() => expect(late.instances()).toHaveLength(2));
  });

  it("answers for mesh:/// targets", async () => {
    await register(order);
    const found: string[] = [];
    const discovery = createDiscovery({ registry: await registry() });
    discovery.watch("shop.order", "mesh:///shop.order", (set) => found.push(...set.map(({ address }) => address)));
    await eventually(() => expect(found).toContain(order.address));
  });

  it("reports how busy an instance is", async () => {
    const watching = latest(await registry());
    await register(order);
    await eventually(() => expect(watching.set?.[0]?.load).toBeTypeOf("number"));
  });

  it("takes an instance out that falls silent", async () => {
    const silent = { ...order, id: "silent", state: "serving" };
    const entries = await bucket();
    const watching = latest(await registry());
    await register({ ...order, address: "127.0.0.1:2" });
    await eventually(() => expect(watching.set).toHaveLength(1));
    // Its life begins when it is heard, so that nothing slow may come in between.
    await entries.put("shop.order.silent", Buffer.from(JSON.stringify(silent)));
    await eventually(() => expect(watching.set).toHaveLength(2));
    await eventually(() => expect(watching.set?.map(({ address }) => address)).toEqual(["127.0.0.1:2"]));
  });

  it("knows one instance at an address: the one that started last", async () => {
    const entries = await bucket();
    const watching = latest(await start(createRegistry(entries, log, { lifeMs: 60_000 })));
    const at = (id: string) => Buffer.from(JSON.stringify({ ...order, id, state: "serving" }));
    const ids = () => watching.set?.map(({ id }) => id);
    await entries.put("shop.order.1", at("1"));
    await eventually(() => expect(ids()).toEqual(["1"]));
    await entries.put("shop.order.2", at("2"));
    await eventually(() => expect(ids()).toEqual(["2"]));
    // What its predecessor said last may be heard late.
    await entries.put("shop.order.1", Buffer.from(JSON.stringify({ ...order, id: "1", state: "draining" })));
    await entries.put(
      "shop.order.3",
      Buffer.from(JSON.stringify({ ...order, id: "3", state: "serving", address: "127.0.0.1:2" })),
    );
    await eventually(() => expect(ids()).toEqual(["2", "3"]));
    expect(watching.smallest).toBe(1);
  });

  it("forgets nobody because this process itself was frozen, and heard nobody meanwhile", async () => {
    const watching = latest(await registry());
    await register(order);
    await eventually(() => expect(watching.set).toHaveLength(1));
    // As SIGSTOP does, or a debugger: when it goes on, its timers come before what has arrived meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * times.lifeMs);
    await register({ ...order, address: "127.0.0.1:2" });
    await eventually(() => expect(watching.set).toHaveLength(2));
    expect(watching.smallest).toBe(1);
  });

  it("keeps everybody while the broker is away, though nobody can be heard, and those who come back", async () => {
    const found = await registry();
    const watching = latest(found);
    await register(order);
    await eventually(() => expect(watching.set).toHaveLength(1));
    await nats.server.stop();
    await eventually(() => expect(found.following).toBe(false));
    const silentSince = performance.now();
    await eventually(() => expect(performance.now() - silentSince).toBeGreaterThan(2 * times.lifeMs));
    expect(watching.set).toHaveLength(1);
    // A broker that comes back without the bucket, which was kept in memory.
    await nats.server.start();
    await eventually(() => expect(found.following).toBe(true));
    await register({ ...order, address: "127.0.0.1:2" });
    await eventually(() => expect(watching.set).toHaveLength(2));
    expect(watching.smallest).toBe(1);
  });

  it("passes over an entry that is no instance", async () => {
    await (await bucket()).put("shop.order.odd", Buffer.from("{}"));
    const watching = latest(await registry());
    await register(order);
    await eventually(() => expect(watching.set).toHaveLength(1));
  });
});
