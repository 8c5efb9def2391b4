import { expect, test } from "vitest";
import { eventually } from "#mesh/testing";
import { registered, startReplicas } from "./echo-replicas.fixture.ts";
import { startLoad } from "./load.fixture.ts";

const callers = 4;

test("kill -9 of a replica: what may be repeated never fails, of the rest at most what it was working on", async () => {
  await using echo = await startReplicas({ a: 3, b: 3, c: 3 });
  const { client, registry, replicas } = echo;
  const [victim] = replicas;
  if (!victim) throw new Error("there is no replica");
  const safe = startLoad(callers, () => client.inTurn({}));
  const unsafe = startLoad(callers, () => client.unary({}));
  await Promise.all([victim.name, "b", "c"].map((name) => unsafe.answeredBy(name)));
  const [dead] = registered(registry, victim.address);

  await victim.stop("SIGKILL");
  await Promise.all([safe.more(300), unsafe.more(300)]);
  await eventually(() => expect(registered(registry, victim.address)).not.toContain(dead), { timeoutMs: 30_000 });
  await victim.start();
  await Promise.all([safe.answeredBy(victim.name), unsafe.answeredBy(victim.name)]);

  await Promise.all([safe.end(), unsafe.end()]);
  expect(safe.failures).toEqual([]);
  expect(unsafe.failures.length).toBeLessThanOrEqual(callers);
  expect(unsafe.failures.filter((failure) => !failure.startsWith("[unavailable] "))).toEqual([]);
  const attempts = echo.explained.filter(({ method }) => method.endsWith("/InTurn")).map((call) => call.attempts);
  const endpoints = attempts.map((tried) => tried.map(({ endpoint }) => endpoint.id));
  expect(endpoints.filter((ids) => new Set(ids).size < ids.length)).toEqual([]);
  expect(endpoints.some((ids) => ids.length > 1)).toBe(true);
}, 300_000);

test("a replica that dies and comes back, again and again, costs at most what it was working on", async () => {
  await using echo = await startReplicas({ a: 3, b: 3, flapping: 3 });
  const { client, replicas } = echo;
  const flapping = replicas[2];
  const safe = startLoad(callers, () => client.inTurn({}));
  const unsafe = startLoad(callers, () => client.unary({}));
  const deaths = 4;
  for (let death = 0; death < deaths; death++) {
    await Promise.all([safe.answeredBy("flapping"), unsafe.answeredBy("flapping")]);
    await flapping?.stop("SIGKILL");
    await Promise.all([safe.more(50), unsafe.more(50)]);
    await flapping?.start();
  }
  await Promise.all([safe.end(), unsafe.end()]);
  expect(safe.failures).toEqual([]);
  expect(unsafe.failures.length).toBeLessThanOrEqual(deaths * callers);
  expect(unsafe.failures.filter((failure) => !failure.startsWith("[unavailable] "))).toEqual([]);
}, 300_000);

test("a replica that is told to end while others call it fails no call, whatever it may repeat", async () => {
  await using echo = await startReplicas({ a: 3, b: 3 });
  const { client, replicas } = echo;
  const safe = startLoad(callers, () => client.inTurn({}));
  const unsafe = startLoad(callers, () => client.unary({}));
  for (const replica of [...replicas, ...replicas]) {
    await Promise.all([safe.answeredBy(replica.name), unsafe.answeredBy(replica.name)]);
    expect(await replica.stop("SIGTERM")).toBe(0);
    await replica.start();
  }
  await Promise.all([safe.end(), unsafe.end()]);
  expect([safe.failures, unsafe.failures]).toEqual([[], []]);
}, 300_000);
