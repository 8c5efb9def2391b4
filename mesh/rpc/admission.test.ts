import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as passTime } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import { AdminService } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import { DiscoveryService } from "#gen/heddle/discovery/v1/discovery_service_pb.ts";
import { DataPlaneService } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import { targetPolicyOf } from "#mesh/contract";
import { createDiscovery } from "#mesh/discovery";
import type { CallExplanation } from "#mesh/resilience";
import { channelUnderTest } from "#mesh/testing";
import { busyEventLoop, contractWith } from "./admission.fixture.ts";
import { errorOf } from "./catch-error.fixture.ts";
import { EchoService } from "./echo-contract.fixture.ts";
import { echoServer, transportTo } from "./echo-server.fixture.ts";
import { createTargetTransport } from "./mesh-transport.ts";

/** A client that knows what became of its calls. */
function explainingClient(address: string, local = false) {
  const explained: CallExplanation[] = [];
  const transport = createTargetTransport({
    ...{ service: EchoService, address, local, discovery: createDiscovery() },
    place: { zone: "", seed: "test" },
    channel: channelUnderTest(),
    onExplained: (explanation) => explained.push(explanation),
  });
  const client = createClient(EchoService, transport);
  return { client, explained, transport, [Symbol.dispose]: () => transport.close() };
}

test.each([
  ["over a socket", false],
  ["in the same process", true],
])("while the event loop is late, calls are sent elsewhere at once, and health is not (%s)", async (_, local) => {
  const contract = contractWith({ maxEventLoopLagMs: 50, quantile: 0.5, minSamples: 10 });
  let entered = 0;
  const count = async () => ({ text: String(++entered) });
  await using echo = await echoServer({ unary: count, adminOnly: count }, { contract, local });
  using calls = explainingClient(echo.address, local);
  const { client, explained, transport } = calls;
  {
    using _busy = busyEventLoop();
    // Until the first long task has been seen.
    await expect.poll(() => errorOf(client.unary({}))).toMatchObject({ code: Code.Unavailable });
    const before = entered;
    const refused = await errorOf(client.unary({}));
    expect(refused).toMatchObject({ code: Code.Unavailable, rawMessage: expect.stringContaining("event loop is") });
    expect(refused.findDetails(RetryInfoSchema)).toMatchObject([{ retryDelay: expect.anything() }]);
    expect(explained.at(-1)?.attempts.at(-1)?.pushbackMs).toBeGreaterThan(0);
    // Who calls is not even looked at.
    expect(await errorOf(client.adminOnly({}))).toMatchObject({ code: Code.Unavailable });
    expect(entered).toBe(before);
    expect(await createClient(Health, transport).check({})).toMatchObject({ status: Status.SERVING });
  }
  await expect.poll(() => client.unary({}).catch(() => undefined)).toBeDefined();
});

test("a call that a busy server refuses is answered by another one", async () => {
  await using free = await echoServer({ inTurn: async () => ({ text: "free" }) });
  const busy = fork(new URL("./busy-server.fixture.ts", import.meta.url).pathname);
  const [{ address }] = await once(busy, "message");
  using calls = explainingClient(`${address},${free.address}`);
  for (let call = 0; call < 6; call++) expect((await calls.client.inTurn({})).text).toBe("free");
  const moved = calls.explained.filter(({ attempts }) => attempts.length > 1);
  expect(moved.length).toBeGreaterThan(0);
  for (const { attempts } of moved) {
    expect(attempts.map(({ endpoint }) => endpoint.address)).toEqual([address, free.address]);
    expect(attempts[0]?.message).toMatch(/^the event loop is \d+ ms late$/);
  }
  busy.disconnect();
});

test("a call with less time left than such calls take is refused before it begins", async () => {
  const contract = contractWith({ maxEventLoopLagMs: 60_000, quantile: 0.5, minSamples: 10 });
  let entered = 0;
  const slow = async () => {
    entered++;
    await passTime(2_000);
    return {};
  };
  await using echo = await echoServer({ unary: slow }, { contract });
  using transport = transportTo(echo.address);
  const client = createClient(EchoService, transport);
  const many = (calls: number, options = {}) =>
    Promise.all(Array.from({ length: calls }, () => client.unary({}, options).then(() => undefined, String)));

  expect(await many(20)).toEqual(Array(20).fill(undefined));
  const errors = await many(30, { timeoutMs: 1_800 });
  for (const error of errors) expect(error).toContain("deadline_exceeded");
  // One in ten is taken in all the same, to notice when things get better.
  expect(entered).toBeLessThan(50);
  const refused = echo.lines.filter(({ reason }) => String(reason).includes("ms are left, and such calls take"));
  expect(refused.length).toBe(50 - entered);
  // Who has time enough is served.
  expect(await many(1)).toEqual([undefined]);
});

test("calls of other methods, and streams, are not judged by how long calls of one method take", async () => {
  const contract = contractWith({ maxEventLoopLagMs: 60_000, quantile: 0.5, minSamples: 10 });
  const slow = async () => {
    await passTime(1_000);
    return {};
  };
  const slowStream = async function* () {
    await passTime(1_000);
    yield {};
  };
  await using echo = await echoServer({ unary: slow, serverStream: slowStream }, { contract });
  using transport = transportTo(echo.address);
  const client = createClient(EchoService, transport);
  const times = <T>(count: number, call: () => Promise<T>) => Promise.all(Array.from({ length: count }, call));
  await times(20, () => client.unary({}));
  await times(20, () => Array.fromAsync(client.serverStream({})));
  await times(20, () => client.signedIn({}, { headers: { authorization: "Bearer ada" }, timeoutMs: 900 }));
  const ended = await times(20, () => errorOf(Array.fromAsync(client.serverStream({}, { timeoutMs: 900 }))));
  for (const { rawMessage } of ended) expect(rawMessage).not.toContain("such calls take");
});

test("only a server without room says when to come back", async () => {
  await using echo = await echoServer({
    async unary() {
      throw new ConnectError("not today", Code.Unavailable);
    },
  });
  using calls = explainingClient(echo.address);
  const { client, explained } = calls;
  expect(await errorOf(client.unary({}))).toMatchObject({ rawMessage: "not today" });
  expect(explained.at(-1)?.attempts.at(-1)).toMatchObject({ message: "not today", pushbackMs: undefined });
});

test("services for whoever is on call take in everything", () => {
  for (const service of [AdminService, DataPlaneService, DiscoveryService])
    expect(targetPolicyOf(service).admission).toBeUndefined();
});
