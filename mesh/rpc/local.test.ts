import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { create } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { currentScope, runInScope } from "#mesh/scope";
import { newTrace } from "#mesh/telemetry";
import { EchoService } from "./echo-contract.fixture.ts";
import { echoServer, transportTo } from "./echo-server.fixture.ts";

const callers = new AsyncLocalStorage<string>();

/** Runs `work` and counts the connections that this process opens meanwhile. */
async function connectionsOf(work: () => Promise<unknown>): Promise<number> {
  let connections = 0;
  const count = () => {
    connections++;
  };
  subscribe("net.client.socket", count);
  await work();
  unsubscribe("net.client.socket", count);
  return connections;
}

test.each([
  { server: true, caller: true, connections: 0 },
  { server: true, caller: false, connections: 1 },
  { server: false, caller: true, connections: 1 },
])("server $server and caller $caller make $connections connections", async ({ server, caller, connections }) => {
  await using echo = await echoServer({}, { local: server });
  using transport = transportTo(echo.address, { local: caller });
  const call = () => createClient(EchoService, transport).unary({ text: "hi" });
  expect(await connectionsOf(call)).toBe(connections);
  expect(echo.records.map(({ code }) => code)).toEqual([0]);
});

test("caller and handler share neither messages nor context", async () => {
  const kept: Uint8Array[] = [];
  let context: string | undefined = "none yet";
  let scope = currentScope();
  await using echo = await echoServer(
    {
      unary: async ({ data }) => {
        context = callers.getStore();
        scope = currentScope();
        kept.push(data);
        return { data };
      },
    },
    { local: true },
  );
  using transport = transportTo(echo.address, { local: true });
  const request = create(EchoService.method.unary.input, { data: new Uint8Array([1, 2, 3]) });
  const callerScope = {
    ...{ signal: new AbortController().signal, deadline: undefined, trace: newTrace() },
    ...{ authorization: undefined, requestId: "r1" },
  };
  const answer = await callers.run("the caller", () =>
    runInScope(callerScope, () => createClient(EchoService, transport).unary(request)),
  );
  request.data[0] = 9;
  answer.data[1] = 9;
  expect(kept.map((data) => [...data])).toEqual([[1, 2, 3]]);
  expect(context).toBeUndefined();
  expect(scope).not.toBe(callerScope);
  expect(scope?.requestId).toBe("r1");
});

test("a stop finishes calls without a socket and takes no more of them", async () => {
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  const echo = await echoServer(
    {
      async unary({ text }) {
        entered.resolve();
        await leave.promise;
        return { text };
      },
    },
    { local: true },
  );
  using transport = transportTo(echo.address, { local: true });
  const client = createClient(EchoService, transport);
  const running = client.unary({ text: "last" });
  await entered.promise;
  const stopped = echo.server.stop();
  await expect(client.unary({ text: "late" })).rejects.toMatchObject({ code: Code.Unavailable });
  leave.resolve();
  expect((await running).text).toBe("last");
  await stopped;
});

test("a method that nobody serves is unimplemented", async () => {
  await using echo = await echoServer({}, { local: true, reflection: false });
  using transport = transportTo(echo.address, { local: true });
  const unknown = { ...EchoService, typeName: "test.echo.v1.Nobody" };
  const method = { ...EchoService.method.unary, parent: unknown };
  await expect(transport.unary(method, undefined, undefined, undefined, { text: "hi" })).rejects.toMatchObject({
    code: Code.Unimplemented,
  });
});
