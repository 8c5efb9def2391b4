import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { Code as GrpcCode } from "#gen/google/rpc/code_pb.ts";
import { createDiscovery } from "#mesh/discovery";
import type { CallExplanation } from "#mesh/resilience";
import { channelUnderTest } from "#mesh/testing";
import { parseTrafficRules } from "#mesh/traffic";
import { EchoService } from "./echo-contract.fixture.ts";
import { echoServer } from "./echo-server.fixture.ts";
import { createTargetTransport, type TargetTransportOptions } from "./mesh-transport.ts";

/** A client of servers, and what became of its calls. */
function clientOf(servers: readonly { readonly address: string }[], options: Partial<TargetTransportOptions> = {}) {
  const explained: CallExplanation[] = [];
  const transport = createTargetTransport({
    ...{ service: EchoService, discovery: createDiscovery(), place: { zone: "", seed: "test" } },
    address: servers.map(({ address }) => address).join(","),
    channel: channelUnderTest(),
    onExplained: (explanation) => explained.push(explanation),
    ...options,
  });
  const client = createClient(EchoService, transport);
  return { client, explained, view: () => transport.view(), [Symbol.dispose]: () => transport.close() };
}

async function textsOf(answers: AsyncIterable<{ readonly text: string }>): Promise<string[]> {
  return Array.fromAsync(answers, ({ text }) => text);
}

const unavailable = () => new ConnectError("not now", Code.Unavailable);

/** A server whose streams fail before their first message. */
function failing() {
  let calls = 0;
  async function* fail() {
    if (calls++ >= 0) throw unavailable();
    yield { text: "never" };
  }
  const server = echoServer({ serverStream: fail, safeStream: fail });
  return server.then((started) => ({ ...started, calls: () => calls }));
}

test("a stream that fails before its first message begins anew at another endpoint, and is explained", async () => {
  await using bad = await failing();
  await using good = await echoServer();
  using echo = clientOf([bad, good]);
  // Connected, so that no attempt ends for its time alone.
  for (let call = 0; call < 2; call++) await echo.client.inTurn({});
  for (let call = 0; call < 2; call++) {
    expect(await textsOf(echo.client.safeStream({ text: "m", count: 3 }))).toEqual(["m0", "m1", "m2"]);
  }
  expect(bad.calls()).toBeGreaterThan(0);
  const again = echo.explained.find(({ attempts }) => attempts.length > 1);
  expect(again).toMatchObject({
    method: "test.echo.v1.EchoService/SafeStream",
    stream: true,
    outcome: { code: GrpcCode.OK, by: "endpoint" },
    stopped: "answered",
    attempts: [
      { kind: "first", endpoint: { address: bad.address }, code: GrpcCode.UNAVAILABLE, openedAfterMs: undefined },
      { kind: "retry", endpoint: { address: good.address }, openedAfterMs: expect.any(Number) },
    ],
  });
  expect(again?.budgetLeft).toBeLessThan(100);
});

test("a stream that may have had an effect is not begun anew", async () => {
  await using bad = await failing();
  using echo = clientOf([bad]);
  await expect(textsOf(echo.client.serverStream({}))).rejects.toMatchObject({ code: Code.Unavailable });
  expect(bad.calls()).toBe(1);
  expect(echo.explained).toMatchObject([{ stopped: "no_policy", attempts: [{ number: 1 }] }]);
});

test("once a message has come, the caller learns of the failure", async () => {
  let calls = 0;
  await using breaking = await echoServer({
    async *safeStream({ text }) {
      calls++;
      yield { text };
      throw unavailable();
    },
  });
  using echo = clientOf([breaking]);
  const heard: string[] = [];
  const reading = async () => {
    for await (const { text } of echo.client.safeStream({ text: "one" })) heard.push(text);
  };
  await expect(reading()).rejects.toMatchObject({ code: Code.Unavailable, rawMessage: "not now" });
  expect([heard, calls]).toEqual([["one"], 1]);
  expect(echo.explained).toMatchObject([{ stopped: "committed", outcome: { code: GrpcCode.UNAVAILABLE } }]);
});

test("a stream that does not begin in the time of an attempt begins elsewhere, and is not limited by it there", async () => {
  const deadlines: number[] = [];
  await using silent = await echoServer({
    async *safeStream(_, { signal }) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      yield* [];
    },
  });
  await using well = await echoServer({
    async *safeStream({ text }, { deadline }) {
      deadlines.push(deadline - Date.now());
      yield { text };
    },
  });
  using echo = clientOf([silent, well]);
  for (let call = 0; call < 2; call++) expect(await textsOf(echo.client.safeStream({ text: "m" }))).toEqual(["m"]);
  for (const remainingMs of deadlines) expect(remainingMs).toBeGreaterThan(2_000);
  expect(echo.explained.flatMap(({ attempts }) => attempts)).toContainEqual(
    expect.objectContaining({ code: GrpcCode.DEADLINE_EXCEEDED, message: "the attempt took longer than 500 ms" }),
  );
});

test("what was written is written again to the next endpoint", async () => {
  await using bad = await echoServer({
    async *safeBidi(requests) {
      for await (const _ of requests) throw unavailable();
      yield* [];
    },
  });
  await using good = await echoServer();
  using echo = clientOf([bad, good]);
  const answered = Promise.withResolvers<void>();
  async function* talk() {
    yield { text: "a" };
    yield { text: "b" };
    await answered.promise;
    yield { text: "c" };
  }
  for (let call = 0; call < 4; call++) {
    const heard: string[] = [];
    for await (const { text } of echo.client.safeBidi(talk())) {
      if (heard.push(text) === 2) answered.resolve();
    }
    expect(heard).toEqual(["A", "B", "C"]);
  }
});

test("a stream of which too much was written is not begun anew", async () => {
  const data = new Uint8Array(50_000);
  await using bad = await echoServer({
    async *safeBidi(requests) {
      let messages = 0;
      for await (const _ of requests) if (++messages === 3) throw unavailable();
      yield* [];
    },
  });
  using echo = clientOf([bad]);
  async function* talk() {
    for (let sent = 0; sent < 3; sent++) yield { data };
  }
  await expect(textsOf(echo.client.safeBidi(talk()))).rejects.toMatchObject({ code: Code.Unavailable });
  expect(echo.explained).toMatchObject([{ stopped: "committed" }]);
});

test("streams open the breaker of their target, and are refused while it is open", async () => {
  await using bad = await failing();
  using echo = clientOf([bad]);
  for (let call = 0; call < 10; call++) await textsOf(echo.client.serverStream({})).catch(() => undefined);
  const calls = bad.calls();
  await expect(textsOf(echo.client.serverStream({}))).rejects.toMatchObject({
    code: Code.Unavailable,
    rawMessage: expect.stringContaining("the breaker of test.echo is open"),
  });
  expect(bad.calls()).toBe(calls);
  expect(echo.explained.at(-1)).toMatchObject({ outcome: { by: "breaker" }, attempts: [] });
});

test("a stream holds its place among the calls of the target until it ends", async () => {
  const over = Promise.withResolvers<void>();
  await using server = await echoServer({
    async *serverStream({ text }) {
      yield { text };
      await over.promise;
    },
  });
  using echo = clientOf([server]);
  const stream = echo.client.serverStream({ text: "m" })[Symbol.asyncIterator]();
  await stream.next();
  const underWay = () => [
    echo.view().guards.shared.bulkhead?.snapshot().underWay,
    echo.view().endpoints.map(({ inFlight }) => inFlight),
  ];
  expect(underWay()).toEqual([1, [1]]);
  over.resolve();
  expect(await stream.next()).toMatchObject({ done: true });
  expect(underWay()).toEqual([0, [0]]);
});

test("rules of traffic put faults into streams where that is allowed", async () => {
  await using server = await echoServer();
  const rules = parseTrafficRules('{"faults": [{"percentage": 100, "abort": "ABORTED"}]}');
  for (const faultsAllowed of [true, false]) {
    using echo = clientOf([server], { traffic: () => rules, faultsAllowed });
    const texts = textsOf(echo.client.serverStream({ text: "m", count: 1 }));
    if (faultsAllowed) await expect(texts).rejects.toMatchObject({ code: Code.Aborted });
    else expect(await texts).toEqual(["m0"]);
    expect(echo.explained).toMatchObject([{ outcome: { by: faultsAllowed ? "fault" : "endpoint" } }]);
  }
});
