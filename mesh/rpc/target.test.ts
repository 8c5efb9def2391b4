import { create } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { Code as GrpcCode } from "#gen/google/rpc/code_pb.ts";
import { TrafficRulesSchema } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { bareInstance, type Instance } from "#mesh/discovery";
import type { CallExplanation } from "#mesh/resilience";
import { channelUnderTest, freePort } from "#mesh/testing";
import { parseSplit, parseTrafficRules, withSplit } from "#mesh/traffic";
import { GOOD, rawServer } from "../channel/raw-server.fixture.ts";
import { EchoService } from "./echo-contract.fixture.ts";
import { echoServer } from "./echo-server.fixture.ts";
import { createTargetTransport, type TargetTransportOptions } from "./mesh-transport.ts";

type Own = NonNullable<Parameters<typeof echoServer>[0]>;

/** A server whose every unary method answers with its name. */
function named(name: string, own: Own = {}) {
  const answer = async () => ({ text: name });
  return echoServer({ unary: answer, inTurn: answer, sticky: answer, cached: answer, hedged: answer, ...own });
}

const at = ({ address }: { address: string }, own: Partial<Instance> = {}): Instance => ({
  ...bareInstance("test.echo", address),
  ...own,
});

/** A client of instances that the test sets. */
function clientOf(instances: readonly Instance[], options: Partial<TargetTransportOptions> = {}) {
  let publish: (instances: readonly Instance[]) => void = () => undefined;
  const explained: CallExplanation[] = [];
  const transport = createTargetTransport({
    service: EchoService,
    address: "mesh:///test.echo",
    discovery: {
      watch(_service, _target, listener) {
        publish = listener;
        if (instances.length > 0) listener(instances);
        return () => undefined;
      },
    },
    place: { zone: "", seed: "test" },
    channel: channelUnderTest(),
    onExplained: (explanation) => explained.push(explanation),
    ...options,
  });
  return {
    transport,
    client: createClient(EchoService, transport),
    explained,
    publish: (changed: readonly Instance[]) => publish(changed),
    [Symbol.dispose]: () => transport.close(),
  };
}

async function answers(calls: number, call: () => Promise<{ text: string }>): Promise<string[]> {
  const texts: string[] = [];
  for (let i = 0; i < calls; i++) texts.push((await call()).text);
  return texts;
}

test("calls take turns where the contract says so, and go to whoever joins", async () => {
  await using a = await named("a");
  await using b = await named("b");
  await using c = await named("c");
  using echo = clientOf([at(a), at(b)]);
  expect((await answers(6, () => echo.client.inTurn({}))).toSorted().join("")).toBe("aaabbb");
  echo.publish([at(a), at(b), at(c)]);
  expect(new Set(await answers(6, () => echo.client.inTurn({})))).toEqual(new Set(["a", "b", "c"]));
});

test("the same key keeps to one endpoint", async () => {
  await using a = await named("a");
  await using b = await named("b");
  using echo = clientOf([at(a), at(b)]);
  for (const text of ["ada", "bob", "eve"]) {
    expect(new Set(await answers(5, () => echo.client.sticky({ text }))).size).toBe(1);
  }
});

test("a call finds the endpoint that is well, and is not tried again where it may have had an effect", async () => {
  await using well = await named("well");
  const gone = `127.0.0.1:${await freePort()}`;
  using echo = clientOf([at({ address: gone }), at(well)]);
  expect(new Set(await answers(10, () => echo.client.unary({})))).toEqual(new Set(["well"]));

  let entered = 0;
  const own = {
    async unary(): Promise<{ text: string }> {
      entered++;
      throw new Error("it breaks");
    },
  };
  await using broken = await named("broken", own);
  using other = clientOf([at(broken), at(well)]);
  const codes = await Promise.all(
    Array.from({ length: 10 }, () =>
      other.client.unary({}).then(
        () => 0,
        ({ code }) => code,
      ),
    ),
  );
  expect(codes.filter((code) => code === Code.Internal).length).toBe(entered);
  expect(entered).toBeGreaterThan(0);
});

test("a call that could not be sent goes on to the one endpoint of many that is there, whatever it does", async () => {
  await using well = await named("well");
  const gone = await Promise.all(
    Array.from({ length: 4 }, async () => at({ address: `127.0.0.1:${await freePort()}` })),
  );
  using echo = clientOf([...gone, at(well)]);
  expect(new Set(await answers(20, () => echo.client.unary({})))).toEqual(new Set(["well"]));
});

test("an answer that breaks off after its header is asked for again where that is safe", async () => {
  await using well = await named("well");
  using cut = await rawServer({
    onStream(stream) {
      stream.respond(GOOD);
      // The header has arrived when the ping is answered.
      stream.session?.ping(() => stream.session?.destroy());
    },
  });
  using echo = clientOf([at(cut), at(well)]);
  expect(new Set(await answers(4, () => echo.client.inTurn({})))).toEqual(new Set(["well"]));
  expect(echo.explained.some(({ attempts }) => attempts.length > 1)).toBe(true);
});

test("instances that leave finish their calls, and get no more; those that stay keep their connection", async () => {
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  await using a = await named("a", {
    async unary() {
      entered.resolve();
      await leave.promise;
      return { text: "a" };
    },
  });
  await using b = await named("b");
  using echo = clientOf([at(a)]);
  const running = echo.client.unary({});
  await entered.promise;
  echo.publish([at(b)]);
  expect(await answers(3, () => echo.client.unary({}))).toEqual(["b", "b", "b"]);
  leave.resolve();
  expect((await running).text).toBe("a");
});

test("a draining instance gets no new calls", async () => {
  await using a = await named("a");
  await using b = await named("b");
  using echo = clientOf([at(a, { state: "draining" }), at(b)]);
  expect(new Set(await answers(6, () => echo.client.inTurn({})))).toEqual(new Set(["b"]));
});

test("a call waits until the first instances are known", async () => {
  await using a = await named("a");
  using echo = clientOf([]);
  const early = echo.client.unary({});
  echo.publish([at(a)]);
  expect((await early).text).toBe("a");
});

test("a call of which no instance is known ends unavailable at its deadline at the latest", async () => {
  using echo = clientOf([]);
  await expect(echo.client.quick({})).rejects.toMatchObject({ code: expect.toBeOneOf([4, 14]) });
});

test("the breaker opens when a target keeps failing, and explains itself", async () => {
  const gone = `127.0.0.1:${await freePort()}`;
  using echo = clientOf([at({ address: gone })]);
  for (let i = 0; i < 30; i++) await echo.client.unary({}).catch(() => undefined);
  const last = echo.explained.at(-1);
  expect(last).toMatchObject({
    method: "test.echo.v1.EchoService/Unary",
    target: "test.echo",
    outcome: { by: "breaker", code: GrpcCode.UNAVAILABLE },
    breaker: { before: "open" },
    attempts: [],
  });
  expect(echo.transport.view().guards.shared.breaker?.state(Date.now())).toBe("open");
});

test("the last answer stands in for a target that is gone", async () => {
  const a = await named("a");
  using echo = clientOf([at(a)]);
  expect((await echo.client.cached({ text: "x" })).text).toBe("a");
  await a.server.stop();
  expect((await echo.client.cached({ text: "x" })).text).toBe("a");
  expect(echo.explained.at(-1)?.outcome.by).toBe("fallback");
  await expect(echo.client.cached({ text: "y" })).rejects.toMatchObject({ code: Code.Unavailable });
});

test("a hedge overtakes an endpoint that hangs", async () => {
  const forever = new Promise<never>(() => undefined);
  let hangs = false;
  const hedged = async () => (hangs ? forever : { text: "a" });
  await using a = await named("a", { hedged });
  await using b = await named("b");
  using echo = clientOf([at(a), at(b)]);
  await answers(30, () => echo.client.hedged({}));
  hangs = true;
  expect(new Set(await answers(5, () => echo.client.hedged({})))).toEqual(new Set(["b"]));
});

test("traffic is split between versions, and a fault is put in where it is allowed", async () => {
  await using one = await named("v1");
  await using two = await named("v2");
  const versions = [at(one, { version: "v1" }), at(two, { version: "v2" })];
  let rules = withSplit(create(TrafficRulesSchema), parseSplit(["v1=0", "v2=100"]));
  using echo = clientOf(versions, { traffic: () => rules, faultsAllowed: true });
  expect(new Set(await answers(5, () => echo.client.unary({})))).toEqual(new Set(["v2"]));
  rules = withSplit(rules, parseSplit(["v1=100"]));
  expect(new Set(await answers(5, () => echo.client.unary({})))).toEqual(new Set(["v1"]));
  rules = parseTrafficRules('{"faults": [{"percentage": 100, "abort": "ABORTED"}]}');
  await expect(echo.client.unary({})).rejects.toMatchObject({ code: Code.Aborted });
  using innocent = clientOf(versions, { traffic: () => rules });
  await innocent.client.unary({});
});

test("a stream goes to an endpoint that is well, and its end counts", async () => {
  await using well = await named("well");
  using echo = clientOf([at(well)]);
  const texts = await Array.fromAsync(echo.client.serverStream({ text: "m", count: 3 }), ({ text }) => text);
  expect(texts).toEqual(["m0", "m1", "m2"]);
  using nobody = clientOf([]);
  await expect(Array.fromAsync(nobody.client.serverStream({}))).rejects.toMatchObject({ code: Code.Unavailable });
});

test("cancelling ends a call at once, and its attempt at the server", async () => {
  const entered = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  await using a = await named("a", {
    async unary(_request, { signal }) {
      signal.addEventListener("abort", () => aborted.resolve());
      entered.resolve();
      await aborted.promise;
      return {};
    },
  });
  using echo = clientOf([at(a)]);
  const caller = new AbortController();
  const call = echo.client.unary({}, { signal: caller.signal });
  await entered.promise;
  caller.abort();
  await expect(call).rejects.toMatchObject({ code: Code.Canceled });
  await aborted.promise;
});
