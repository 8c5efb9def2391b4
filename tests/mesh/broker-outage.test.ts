import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { eventually, type TestNats } from "#mesh/testing";
import { registered, startReplicas } from "./echo-replicas.fixture.ts";
import { startLoad } from "./load.fixture.ts";

const callers = 4;

/** kill -9 of the broker. */
async function kill({ server, storeFolder }: TestNats): Promise<void> {
  process.kill(Number(await readFile(resolve(storeFolder, "../../pid"), "utf8")), "SIGKILL");
  await server.stop();
}

test("no call fails while the registry's broker is killed, away and back, and replicas end and join meanwhile", async () => {
  await using echo = await startReplicas({ a: 3, b: 3, c: 3 });
  const { client, nats, registry, replicas } = echo;
  const [a, b, c] = replicas;
  const safe = startLoad(callers, () => client.inTurn({}));
  const unsafe = startLoad(callers, () => client.unary({}));
  await Promise.all(["a", "b", "c"].map((name) => unsafe.answeredBy(name)));

  await kill(nats);
  await eventually(() => expect(registry.following).toBe(false), { timeoutMs: 20_000 });
  await Promise.all([safe.more(200), unsafe.more(200)]);
  // One that cannot say that it leaves.
  expect(await c?.stop("SIGTERM")).toBe(0);
  await Promise.all([safe.more(200), unsafe.more(200)]);

  await nats.server.start();
  await eventually(() => expect(registry.following).toBe(true), { timeoutMs: 20_000 });
  await c?.start();
  await Promise.all([a, b, c].map((replica) => unsafe.answeredBy(replica?.name ?? "")));
  await eventually(
    () => expect(replicas.map(({ address }) => registered(registry, address).length)).toEqual([1, 1, 1]),
    {
      timeoutMs: 30_000,
    },
  );
  await Promise.all([safe.end(), unsafe.end()]);
  expect([safe.failures, unsafe.failures]).toEqual([[], []]);
}, 300_000);
