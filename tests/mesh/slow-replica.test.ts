import { expect, test } from "vitest";
import { startReplicas } from "./echo-replicas.fixture.ts";
import { startLoad } from "./load.fixture.ts";

test("a slow replica gets fewer calls than its turn, and no call fails for it", async () => {
  await using echo = await startReplicas({ a: 3, b: 3, slow: 300 });
  const { client } = echo;
  const share = async (call: () => Promise<{ text: string }>) => {
    const load = startLoad(12, call);
    await load.more(400);
    await load.end();
    expect(load.failures).toEqual([]);
    return load.answers.filter((name) => name === "slow").length / load.answers.length;
  };
  const inTurn = await share(() => client.inTurn({}));
  const byRequests = await share(() => client.unary({}));
  expect(inTurn).toBeGreaterThan(0.2);
  expect(byRequests).toBeGreaterThan(0);
  expect(byRequests).toBeLessThan(inTurn / 2);
}, 300_000);
