import { expect, test } from "vitest";
import { eventually } from "#mesh/testing";
import { registered, startReplicas } from "./echo-replicas.fixture.ts";
import { startLoad } from "./load.fixture.ts";

const callers = 8;

test("a replica that hangs slows down few calls and fails none, and is called again once it goes on", async () => {
  await using echo = await startReplicas({ a: 3, b: 3, frozen: 3 });
  const { client, registry, replicas, explained } = echo;
  const frozen = replicas[2];
  if (!frozen) throw new Error("there is no third replica");
  const [id] = registered(registry, frozen.address);
  const load = startLoad(callers, () => client.impatient({}));
  await load.answeredBy("frozen");

  const before = explained.length;
  frozen.freeze();
  await load.more(1_000);
  // It says nothing any more, so that in the end it is not listed either.
  await eventually(() => expect(registered(registry, frozen.address)).toEqual([]), { timeoutMs: 30_000 });
  const meanwhile = explained.slice(before);
  const slowed = meanwhile.filter(({ attempts }) =>
    attempts.some(({ endpoint, code }) => endpoint.id === id && code !== 0),
  );

  frozen.thaw();
  await load.answeredBy("frozen");
  await load.end();
  expect(load.failures).toEqual([]);
  expect(slowed.length).toBeGreaterThan(0);
  expect(slowed.length).toBeLessThan(meanwhile.length / 10);
}, 300_000);

test("hedges overtake a replica that hangs: few calls wait for it", async () => {
  await using echo = await startReplicas({ a: 3, b: 3, frozen: 3 });
  const { client, replicas, explained } = echo;
  const load = startLoad(callers, () => client.hedged({}));
  await load.answeredBy("frozen");
  await load.more(200);

  const before = explained.length;
  replicas[2]?.freeze();
  await load.more(1_000);
  const meanwhile = explained.slice(before);
  replicas[2]?.thaw();
  await load.answeredBy("frozen");
  await load.end();
  // A hedge needs budget; a call that gets none waits, and is seen to wait, so that others go elsewhere.
  expect(load.failures.length).toBeLessThanOrEqual(callers);
  expect(meanwhile.some(({ attempts }) => attempts.some(({ kind, code }) => kind === "hedge" && code === 0))).toBe(
    true,
  );
}, 300_000);
