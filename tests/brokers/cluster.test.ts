import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import {
  count,
  hasStatus,
  placed,
  type TestService,
  type TestWorld,
  testWorld,
} from "../../mesh/events/world.fixture.ts";
import { type TestCluster, testCluster } from "./cluster.fixture.ts";

const stream = "EVT_SHOP_ORDER";
/** What was on its way when a node went comes again when its time for an acknowledgement is over: after 30 s. */
const slowly = { timeout: 90_000, interval: 50 };

/** Events that have had no effect yet, at most, or nearly so: what waits is to be taken in before the time is up. */
const mostWaiting = 5_000;

/** Messages of the stream that are asked for at the same time. */
const readAtOnce = 50;

let cluster: TestCluster;
let world: TestWorld;
let orders: TestService;
let inventory: TestService;
let writers: Promise<unknown>;
let announced = 0;
let over = false;

// One load under which everything happens, since what is lost on the way is waited for once only.
beforeAll(async () => {
  [cluster, world] = await Promise.all([testCluster(), testWorld()]);
  const onCluster = { natsUrl: cluster.url, stream: { replicas: 3 } };
  orders = await world.orders(onCluster);
  inventory = await world.inventory(async ({ eventId }, tx) => {
    // A primary key: a second effect would fail, and be seen as a dead letter.
    await tx.execute(sql`insert into heddle.aggregate values ('effect', ${eventId}, 1)`);
    return "done";
  }, onCluster);
  const announceOn = async (writer: number) => {
    // Few keys, each with many events: their order counts.
    for (let n = 0; !over; n++) {
      await orders.announce(placed(`${writer}-${n % 5}`));
      if (++announced % 100 === 0) await vi.waitFor(roomForMore, slowly);
    }
  };
  writers = Promise.all([1, 2, 3].map(announceOn));
});

afterAll(async () => {
  over = true;
  await writers;
  await world?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

async function roomForMore(): Promise<void> {
  if (over) return;
  expect(announced - (await count(inventory, "inbox"))).toBeLessThan(mostWaiting);
}

/** Waits until this many more events have had their effect. */
async function progress(more: number): Promise<void> {
  const before = await count(inventory, "inbox");
  await vi.waitFor(async () => expect(await count(inventory, "inbox")).toBeGreaterThan(before + more), slowly);
}

/** Events of the stream by id, in the order in which each came first. */
async function storedEvents(): Promise<Map<string, { key: string; version: number }>> {
  return cluster.ask(async (manager) => {
    const { state } = await manager.streams.info(stream);
    const found = new Map<string, { key: string; version: number }>();
    for (let first = state.first_seq; first <= state.last_seq; first += readAtOnce) {
      const sequences = Array.from({ length: Math.min(readAtOnce, state.last_seq - first + 1) }, (_, n) => first + n);
      for (const { header } of await Promise.all(sequences.map((seq) => manager.streams.getMessage(stream, { seq })))) {
        const id = header.get("ce-id");
        const event = { key: header.get("ce-subject"), version: Number(header.get("ce-aggversion")) };
        if (!found.has(id)) found.set(id, event);
      }
    }
    return found;
  });
}

test("events flow on when the stream's leader is killed, again and again", async () => {
  for (let kill = 0; kill < 3; kill++) {
    await progress(50);
    const leader = await cluster.leaderOf(stream);
    await leader.signal("SIGKILL");
    await progress(50);
    await leader.start();
    await cluster.settled(stream);
  }
}, 600_000);

test("events flow on when a follower is killed", async () => {
  const leader = await cluster.leaderOf(stream);
  const [follower] = cluster.nodes.filter((node) => node !== leader);
  await follower?.signal("SIGKILL");
  await progress(100);
  await follower?.start();
  await cluster.settled(stream);
}, 300_000);

test("events flow on when the leader hangs, and when it comes back", async () => {
  await progress(50);
  const leader = await cluster.leaderOf(stream);
  await leader.signal("SIGSTOP");
  await progress(50).finally(() => leader.signal("SIGCONT"));
  await cluster.settled(stream);
  await progress(50);
}, 600_000);

test("events flow on while all nodes are restarted one after another", async () => {
  for (const node of cluster.nodes) {
    await node.signal("SIGTERM");
    await node.start();
    await cluster.settled(stream);
    await progress(50);
  }
}, 600_000);

test("after all that every event has one effect, and the stream is what the outbox says", async () => {
  over = true;
  await writers;
  const rows = await orders.database.sql<{ event_id: string }[]>`select event_id from heddle.outbox`;
  await vi.waitFor(async () => {
    expect(await count(inventory, "inbox", hasStatus("done"))).toBe(rows.length);
  }, slowly);
  expect(await count(inventory, "aggregate", sql`aggregate = 'effect'`)).toBe(rows.length);
  expect(await count(inventory, "dead_letter")).toBe(0);
  await cluster.settled(stream);
  const stored = await storedEvents();
  expect([...stored.keys()].toSorted()).toEqual(rows.map((row) => row.event_id).toSorted());
  for (const ofKey of Map.groupBy(stored.values(), ({ key }) => key).values()) {
    expect(ofKey.map(({ version }) => version)).toEqual(ofKey.map((_, index) => index + 1));
  }
}, 300_000);

test("a stream that has more copies than wanted stops the start and says how to mend it", async () => {
  const one = world.orders({ natsUrl: cluster.url, stream: { replicas: 1 } });
  await expect(one).rejects.toThrow(/num_replicas is 3 and should be 1\. Change it with "nats stream edit/);
});
