import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { TrafficRulesSchema } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { createRegistrar } from "#mesh/discovery";
import { secretIdentity } from "#mesh/identity";
import { createLogger } from "#mesh/telemetry";
import { callSettings, silentLogger, testNats } from "#mesh/testing";
import { parseMirror, parseSplit, withMirror, withSplit } from "#mesh/traffic";
import { EchoService } from "../rpc/echo-contract.fixture.ts";
import { echoServer, SECRET } from "../rpc/echo-server.fixture.ts";
import { createDataPlane } from "./data-plane.ts";

const headers = { "x-request-id": "request" };

/** The data plane of a caller, a client of whoever is at `address`, and what the caller logs from `level` on. */
function callerOf(address: string, { level = "info", natsUrl = "nats://127.0.0.1:1" } = {}) {
  const lines: Record<string, unknown>[] = [];
  const environment = { ...callSettings(), NATS_URL: natsUrl, HEDDLE_MESH_SECRET: SECRET, HEDDLE_TLS: "off" };
  const plane = createDataPlane({
    name: "test.caller",
    identity: secretIdentity("test.caller", SECRET),
    config: readServiceConfig(EchoService, environment),
    log: createLogger({ name: "caller", level, destination: { write: (line) => lines.push(JSON.parse(line)) } }),
  });
  const client = createClient(EchoService, plane.transport(EchoService, address));
  return { plane, client, lines, [Symbol.asyncDispose]: () => plane.stop() };
}

const failing = (code: Code) => async () => {
  throw new ConnectError("not today", code);
};
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 0,
    ({ code }) => code,
  );

test("calls that are answered at once, or refused for what they ask, are not in the log", async () => {
  await using echo = await echoServer({ unary: failing(Code.NotFound) });
  await using caller = callerOf(echo.address);
  await caller.client.inTurn({});
  expect(await codeOf(caller.client.unary({}))).toBe(Code.NotFound);
  expect(await codeOf(caller.client.quick({ text: "longer than 10" }))).toBe(Code.InvalidArgument);
  expect(caller.lines).toEqual([]);
});

test("a call that was answered after a second attempt is one line at info, with what became of each", async () => {
  await using bad = await echoServer({ inTurn: failing(Code.Unavailable) });
  await using good = await echoServer();
  await using caller = callerOf(`${bad.address},${good.address}`);
  // Whose turn it is first is drawn.
  while (caller.lines.length === 0) await caller.client.inTurn({}, { headers });
  expect(caller.lines).toEqual([
    expect.objectContaining({
      level: "info",
      requestId: "request",
      call: expect.objectContaining({
        outcome: { code: 0, message: "", by: "endpoint" },
        attempts: [
          expect.objectContaining({ kind: "first", code: Code.Unavailable, message: "not today" }),
          expect.objectContaining({ kind: "retry", code: 0 }),
        ],
      }),
    }),
  ]);
});

test("a call that failed after all attempts is one line at warn", async () => {
  await using bad = await echoServer({ inTurn: failing(Code.Unavailable) });
  await using caller = callerOf(bad.address);
  expect(await codeOf(caller.client.inTurn({}))).toBe(Code.Unavailable);
  const failed = { level: "warn", call: { outcome: { code: Code.Unavailable }, attempts: [{}, {}, {}] } };
  expect(caller.lines).toMatchObject([failed]);
});

test("a fallback is one line at info, and a breaker that refuses one at warn", async () => {
  let cached = async () => ({ text: "remembered" });
  await using echo = await echoServer({ cached: () => cached() });
  await using caller = callerOf(echo.address);
  await caller.client.cached({});
  cached = failing(Code.Unavailable);
  const { breaker } = caller.plane.transports()[0]?.view().guards.shared ?? {};
  while (breaker?.state(Date.now()) === "closed") await caller.client.cached({});
  expect(caller.lines[0]).toMatchObject({ level: "info", call: { outcome: { code: 0, by: "fallback" } } });
  expect(await codeOf(caller.client.inTurn({}))).toBe(Code.Unavailable);
  expect(caller.lines.at(-1)).toMatchObject({ level: "warn", call: { outcome: { by: "breaker" }, attempts: [] } });
});

test("an outage does not flood the log, and debug has every call of it", async () => {
  await using bad = await echoServer({ inTurn: failing(Code.Unavailable) });
  await using caller = callerOf(bad.address, { level: "debug" });
  await Promise.all(Array.from({ length: 200 }, () => codeOf(caller.client.inTurn({}))));
  const told = caller.lines.filter(({ call }) => call !== undefined);
  expect(told.length).toBe(200);
  const warned = told.filter(({ level }) => level === "warn").length;
  expect(warned).toBeGreaterThanOrEqual(10);
  expect(warned).toBeLessThan(100);
});

test("a mirror begins and ends while everything runs, in every process that follows the registry", async () => {
  await using nats = await testNats();
  await using old = await echoServer();
  await using next = await echoServer();
  await using caller = callerOf("mesh:///test.echo", { natsUrl: nats.url });
  await using operator = callerOf("mesh:///test.echo", { natsUrl: nats.url });
  await Promise.all([caller.plane.start(), operator.plane.start()]);
  const registrars = Object.entries({ v1: old, v2: next }).map(([version, { address }]) => {
    const self = { service: "test.echo", address, version, zone: "", weight: 100, schemaHash: "" };
    return createRegistrar(operator.plane.instances, () => self, silentLogger());
  });
  for (const registrar of registrars) await registrar.start();
  const split = withSplit(create(TrafficRulesSchema), parseSplit(["v1=100"]));
  const marked = () => next.lines.filter(({ mirrored }) => mirrored).length;
  const change = async (rules: typeof split) => {
    await operator.plane.traffic.write("test.echo", rules);
    await expect.poll(() => caller.plane.traffic.rules("test.echo")?.mirrors.length).toBe(rules.mirrors.length);
  };

  await expect.poll(() => caller.plane.registry.instances().length).toBe(2);
  await change(withMirror(split, parseMirror("v2=100")));
  for (let call = 0; call < 3; call++) await caller.client.inTurn({});
  await expect.poll(marked).toBe(3);
  await change(split);
  await caller.client.inTurn({});
  await operator.plane.traffic.write("test.echo", withMirror(create(TrafficRulesSchema), parseMirror("v2=100")));
  expect((await operator.plane.traffic.read("test.echo")).mirrors.length).toBe(1);
  expect([old.records.length, marked()]).toEqual([4, 3]);
  for (const registrar of registrars) await registrar.removal.stop();
});
