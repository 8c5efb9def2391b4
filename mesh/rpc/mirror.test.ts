import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { type TrafficRules, TrafficRulesSchema } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { bareInstance, type Instance } from "#mesh/discovery";
import type { CallExplanation } from "#mesh/resilience";
import type { ClientMeter } from "#mesh/target";
import { channelUnderTest, freePort } from "#mesh/testing";
import { parseMirror, parseSplit, withMirror, withSplit } from "#mesh/traffic";
import { EchoService } from "./echo-contract.fixture.ts";
import { echoServer } from "./echo-server.fixture.ts";
import { createTargetTransport } from "./mesh-transport.ts";

type Handlers = NonNullable<Parameters<typeof echoServer>[0]>;

/** A server of a version, and the calls that came to it. */
async function versioned(version: string, own: Handlers = {}) {
  const answer = async () => ({ text: version });
  const server = await echoServer({ unary: answer, inTurn: answer, ...own });
  return {
    ...server,
    version,
    calls: () => server.records.map(({ method, requestId }) => `${method.name} ${requestId}`),
    log: () => server.lines.filter(({ msg }) => msg === "call"),
  };
}

const calledBy = "InTurn request";
const toOld = withSplit(create(TrafficRulesSchema), parseSplit(["v1=100"]));
const mirrored = withMirror(toOld, parseMirror("v2=100"));
const headers = { "x-request-id": "request" };

/** A client of versions under rules that the test may change, and what was counted of the copies. */
function clientOf(servers: readonly { readonly address: string; readonly version: string }[], rules: TrafficRules) {
  const current = { rules };
  const explained: CallExplanation[] = [];
  const copies: number[] = [];
  let dropped = 0;
  const meter: ClientMeter = {
    attemptStarted() {},
    attemptEnded() {},
    callEnded() {},
    copyEnded: (code) => copies.push(code),
    copyDropped() {
      dropped++;
    },
  };
  const instances = servers.map(
    ({ address, version }): Instance => ({ ...bareInstance("test.echo", address), version }),
  );
  const transport = createTargetTransport({
    ...{ service: EchoService, address: "mesh:///test.echo", place: { zone: "", seed: "test" } },
    discovery: {
      watch(_service, _target, publish) {
        publish(instances);
        return () => undefined;
      },
    },
    channel: channelUnderTest(),
    traffic: () => current.rules,
    meterOf: () => meter,
    onExplained: (explanation) => explained.push(explanation),
  });
  return {
    ...{ client: createClient(EchoService, transport), current, explained, copies },
    dropped: () => dropped,
    view: () => transport.view(),
    [Symbol.dispose]: () => transport.close(),
  };
}

const times = <T>(count: number, make: () => T) => Array.from({ length: count }, make);

test("a copy goes to the other version, marked for its log, and only the first version's answer counts", async () => {
  await using old = await versioned("v1");
  await using next = await versioned("v2");
  using echo = clientOf([old, next], mirrored);
  for (let call = 0; call < 3; call++) expect((await echo.client.inTurn({}, { headers })).text).toBe("v1");
  await expect.poll(() => echo.copies).toEqual([0, 0, 0]);
  expect(old.calls()).toEqual(times(3, () => calledBy));
  expect(next.calls()).toEqual(times(3, () => calledBy));
  expect(next.log()).toEqual(times(3, () => expect.objectContaining({ requestId: "request", mirrored: true })));
  expect(old.log().some((line) => "mirrored" in line)).toBe(false);
  // The last copy is behind: nothing is under way that the change of rules could race with.
  echo.current.rules = withMirror(mirrored, undefined);
  await echo.client.inTurn({}, { headers });
  echo.current.rules = mirrored;
  await echo.client.inTurn({}, { headers });
  await expect.poll(() => echo.copies.length).toBe(4);
  expect([old.calls().length, next.calls().length]).toEqual([5, 4]);
});

test("nothing is copied that may not be safe to repeat, nor a stream, nor a call that goes to that version anyway", async () => {
  await using old = await versioned("v1");
  await using next = await versioned("v2");
  using echo = clientOf([old, next], mirrored);
  await echo.client.unary({});
  await Array.fromAsync(echo.client.safeStream({ count: 1 }));
  await echo.client.inTurn({});
  await expect.poll(() => echo.copies.length).toBe(1);
  expect(next.records.map(({ method }) => method.name)).toEqual(["InTurn"]);
  echo.current.rules = withMirror(create(TrafficRulesSchema), parseMirror("v2=100"));
  for (let call = 0; call < 6; call++) await echo.client.inTurn({});
  await expect.poll(() => echo.copies.length).toBe(4);
  // Both took their turns; the copies are those of the three that went to v1.
  expect([old.log().length, next.log().filter((line) => line.mirrored).length]).toEqual([3 + 3, 1 + 3]);
  expect(echo.dropped()).toBe(0);
});

test("a version that fails or is gone costs its caller nothing: no failure, no second attempt, no guard", async () => {
  const inTurn = async () => {
    throw new ConnectError("not ready yet", Code.Unavailable);
  };
  await using old = await versioned("v1");
  await using bad = await versioned("v2", { inTurn });
  const gone = { address: `127.0.0.1:${await freePort()}`, version: "v3" };
  using echo = clientOf([old, bad, gone], mirrored);
  for (const version of ["v2", "v3"]) {
    echo.current.rules = withMirror(toOld, parseMirror(`${version}=100`));
    for (let call = 0; call < 20; call++) {
      expect((await echo.client.inTurn({}, { headers })).text).toBe("v1");
      await expect.poll(() => echo.copies.length + echo.dropped()).toBe(echo.explained.length);
    }
  }
  expect(bad.calls()).toEqual(times(20, () => calledBy));
  expect(new Set(echo.copies)).toEqual(new Set([Code.Unavailable]));
  expect(echo.explained.every(({ attempts, outcome }) => attempts.length === 1 && outcome.code === 0)).toBe(true);
  const { breaker, ejection } = echo.view().guards.shared;
  expect(breaker?.snapshot(Date.now())).toMatchObject({ state: "closed", failures: 0 });
  expect(ejection?.ejections()).toBe(0);
});

test("a version that hangs holds up a few copies, until the deadlines of their calls at most", async () => {
  const released = Promise.withResolvers<{ text: string }>();
  let answer: Promise<{ text: string }> = released.promise;
  await using old = await versioned("v1");
  await using next = await versioned("v2", { inTurn: () => answer });
  using echo = clientOf([old, next], mirrored);
  const answers = times(30, () => echo.client.inTurn({}));
  expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(times(30, () => "v1"));
  expect([echo.copies.length, echo.dropped()]).toEqual([0, 20]);
  released.resolve({ text: "late" });
  await expect.poll(() => echo.copies).toEqual(times(10, () => 0));
  answer = new Promise(() => undefined);
  await echo.client.inTurn({}, { timeoutMs: 1_000 });
  await expect.poll(() => echo.copies.at(-1), { timeout: 10_000 }).toBe(Code.DeadlineExceeded);
  expect(echo.dropped()).toBe(20);
});

test("a version without instances gets no copies, and nobody else does", async () => {
  await using old = await versioned("v1");
  using echo = clientOf([old], mirrored);
  for (let call = 0; call < 3; call++) await echo.client.inTurn({}, { headers });
  expect(echo.dropped()).toBe(3);
  expect(old.calls()).toEqual(times(3, () => calledBy));
});
