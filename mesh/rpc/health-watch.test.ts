import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createClient } from "@connectrpc/connect";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { createDiscovery } from "#mesh/discovery";
import { channelUnderTest, freePort } from "#mesh/testing";
import { EchoService } from "./echo-contract.fixture.ts";
import { echoServer } from "./echo-server.fixture.ts";
import { createTargetTransport, type TargetTransportOptions } from "./mesh-transport.ts";
import type { RpcServerOptions } from "./server.ts";

/** A server that answers with its name. */
function named(name: string, options: Partial<RpcServerOptions> = {}) {
  const answer = async () => ({ text: name });
  return echoServer({ inTurn: answer }, options);
}

/** A client of all servers at these addresses, which takes turns. */
function clientOf(addresses: readonly string[], options: Partial<TargetTransportOptions> = {}) {
  const transport = createTargetTransport({
    ...{ service: EchoService, address: addresses.join(","), discovery: createDiscovery() },
    place: { zone: "", seed: "test" },
    channel: channelUnderTest(),
    ...options,
  });
  const client = createClient(EchoService, transport);
  return {
    /** Who answers the next calls, each once. */
    async answers(calls = 6) {
      const names = new Set<string>();
      for (let call = 0; call < calls; call++) names.add((await client.inTurn({})).text);
      return [...names].toSorted();
    },
    states: () => transport.view().endpoints.map(({ endpoint }) => endpoint.state),
    [Symbol.dispose]: () => transport.close(),
  };
}

/** Health watches that a server has ended. */
const watches = (lines: readonly Record<string, unknown>[]) =>
  lines.filter(({ method }) => method === "grpc.health.v1.Health/Watch").length;

test.each([
  ["over sockets", { channel: "mesh", local: false }],
  ["over grpc-js", { channel: "grpc-js", local: false }],
  ["in the same process", { channel: "mesh", local: true }],
] as const)("who says that he is not well gets no calls until he is well again (%s)", async (_, options) => {
  await using a = await named("a", options);
  await using b = await named("b", options);
  using echo = clientOf([a.address, b.address], options);
  expect(await echo.answers()).toEqual(["a", "b"]);
  a.server.setServing(false);
  await expect.poll(echo.states).toContain("unhealthy");
  expect(await echo.answers()).toEqual(["b"]);
  a.server.setServing(true);
  await expect.poll(echo.states).toEqual(["serving", "serving"]);
  expect(await echo.answers()).toEqual(["a", "b"]);
});

test("when nobody is well, all are called", async () => {
  await using a = await named("a");
  await using b = await named("b");
  using echo = clientOf([a.address, b.address]);
  await echo.answers();
  a.server.setServing(false);
  b.server.setServing(false);
  await expect.poll(echo.states).toEqual(["unhealthy", "unhealthy"]);
  expect(await echo.answers()).toEqual(["a", "b"]);
});

test("who stops is not called, and is again once he is back", async () => {
  const port = await freePort();
  await using a = await named("a");
  await using b = await named("b", { port });
  using echo = clientOf([a.address, b.address]);
  await echo.answers();
  await b.server.stop();
  await expect.poll(echo.states).toContain("unhealthy");
  expect(await echo.answers()).toEqual(["a"]);
  await using back = await named("back", { port });
  await expect.poll(echo.states).toEqual(["serving", "serving"]);
  expect(await echo.answers()).toEqual(["a", "back"]);
  expect(back.address).toBe(b.address);
});

type Reply = (error: null, answer: Buffer) => void;

/** A server of grpc-js that has no health service. */
async function withoutHealth() {
  const server = new Server();
  const path = `/${EchoService.typeName}/InTurn`;
  const bytes = (value: Buffer) => value;
  const codec = { requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes };
  const method = { path, requestStream: false, responseStream: false, ...codec, responseDeserialize: bytes };
  // EchoResponse.text, as it travels.
  const answer = Buffer.from([0x0a, 3, ...Buffer.from("own")]);
  server.addService({ inTurn: method }, { inTurn: (_: unknown, callback: Reply) => callback(null, answer) });
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { address: `127.0.0.1:${port}`, [Symbol.dispose]: () => server.forceShutdown() };
}

test("a server without a health service is well", async () => {
  await using a = await named("a");
  using own = await withoutHealth();
  using echo = clientOf([a.address, own.address]);
  expect(await echo.answers()).toEqual(["a", "own"]);
  a.server.setServing(false);
  await expect.poll(echo.states).toContain("unhealthy");
  expect(await echo.answers()).toEqual(["own"]);
});

test("a lone endpoint is not asked, and others are asked no longer than they are used", async () => {
  await using a = await named("a");
  await using b = await named("b");
  {
    using lone = clientOf([a.address]);
    await lone.answers();
  }
  {
    using echo = clientOf([a.address, b.address]);
    await echo.answers();
    a.server.setServing(false);
    await expect.poll(echo.states).toContain("unhealthy");
  }
  await expect.poll(() => watches(b.lines)).toBe(1);
  await expect.poll(() => watches(a.lines)).toBe(1);
});

test("a program ends though it watches somebody's health", async () => {
  await using a = await named("a");
  await using b = await named("b");
  const program = new URL("./call-and-leave.fixture.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [program, `${a.address},${b.address}`], {
    timeout: 100_000,
  });
  expect(stdout.trim().split("\n").toSorted()).toEqual(["a", "a", "b", "b"]);
  await expect.poll(() => [a, b].map(({ lines }) => watches(lines))).toEqual([1, 1]);
});
