import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { secretIdentity } from "#mesh/identity";
import { currentScope } from "#mesh/scope";
import { eventually } from "#mesh/testing";
import { errorOf } from "./catch-error.fixture.ts";
import { EchoService } from "./echo-contract.fixture.ts";
import { CHANNELS, echoServer, SECRET, transportOver } from "./echo-server.fixture.ts";
import type { RpcContext } from "./handler.ts";

describe.each(CHANNELS)("over %s", (channel) => {
  const transportTo = transportOver(channel);

  /** Two servers: the outer one's methods call the inner one's `unary`. `inner` holds the contexts that arrived there. */
  async function chain(waiting: boolean) {
    const arrived: RpcContext[] = [];
    const aborted: unknown[] = [];
    const inner = await echoServer({
      async unary(_, context) {
        arrived.push(context);
        if (!waiting) return { text: currentScope()?.requestId ?? "" };
        const over = Promise.withResolvers<void>();
        context.signal.addEventListener("abort", () => over.resolve());
        await over.promise;
        aborted.push(context.signal.reason);
        throw context.signal.reason;
      },
    });
    const between = transportTo(inner.address, { identity: secretIdentity("shop.order", SECRET) });
    const contexts: RpcContext[] = [];
    const forward = async (_: unknown, context: RpcContext) => {
      contexts.push(context);
      return createClient(EchoService, between).unary({});
    };
    const outer = await echoServer({ unary: forward, quick: forward });
    const transport = transportTo(outer.address);
    return {
      client: createClient(EchoService, transport),
      outer: { records: outer.records, contexts },
      inner: { records: inner.records, arrived, aborted },
      async [Symbol.asyncDispose]() {
        transport.close();
        between.close();
        await outer.server.stop();
        await inner.server.stop();
      },
    };
  }

  test("trace, request id, user and service identity reach the second server", async () => {
    await using servers = await chain(false);
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const headers = {
      authorization: "Bearer ada:customer",
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      "x-request-id": "request-1",
    };
    expect((await servers.client.unary({}, { headers })).text).not.toBe("");
    const [outer, inner] = [servers.outer.contexts[0], servers.inner.arrived[0]];
    expect(inner?.caller).toEqual({ user: { id: "ada", roles: ["customer"] }, service: "shop.order" });
    expect(inner?.requestHeader.get("x-request-id")).toBe("request-1");
    for (const context of [outer, inner]) expect(context?.trace.traceId).toBe(traceId);
    expect(inner?.trace.spanId).not.toBe(outer?.trace.spanId);
  });

  test("the deadline of the caller is inherited", async () => {
    await using servers = await chain(false);
    const before = Date.now();
    await servers.client.unary({}, { timeoutMs: 2_000 });
    const [outer, inner] = [servers.outer.contexts[0]?.deadline ?? 0, servers.inner.arrived[0]?.deadline ?? 0];
    expect(outer).toBeGreaterThan(before);
    expect(outer).toBeLessThanOrEqual(Date.now() + 2_000);
    // What is left travels as a duration, so the way to the second server is added to it.
    expect(inner).toBeLessThanOrEqual(outer + (Date.now() - before));
  });

  test("a deadline later than the policy's is clamped to it, for the second server too", async () => {
    await using servers = await chain(false);
    // On a busy machine the first one is too late: it opens the connections.
    await eventually(() => servers.client.quick({}, { timeoutMs: 60_000 }));
    const limit = Date.now() + 100;
    expect(servers.outer.contexts.at(-1)?.deadline).toBeLessThanOrEqual(limit);
    expect(servers.inner.arrived.at(-1)?.deadline).toBeLessThanOrEqual(limit + 10);
  });

  test("a passed deadline ends the call everywhere, also at the second server", async () => {
    await using servers = await chain(true);
    const { inner, outer } = servers;
    // On a busy machine the first one gets no further than the first server: it opens the connections.
    while (inner.arrived.length === 0)
      expect(await errorOf(servers.client.quick({}))).toMatchObject({ code: Code.DeadlineExceeded });
    await expect.poll(() => inner.records).toHaveLength(inner.arrived.length);
    await expect.poll(() => outer.records).toHaveLength(outer.contexts.length);
    // Each server hears of it twice, by its own clock and by its caller's cancelling, and the caller's clock began earlier.
    expect(inner.aborted).toHaveLength(inner.arrived.length);
    for (const { code } of [...inner.records, ...outer.records])
      expect([Code.DeadlineExceeded, Code.Canceled]).toContain(code);
  });

  test("the caller has its answer at the deadline even when the handler pays no attention", async () => {
    const released = Promise.withResolvers<object>();
    await using echo = await echoServer({ quick: () => released.promise });
    using transport = transportTo(echo.address);
    const error = await errorOf(createClient(EchoService, transport).quick({}));
    expect(error.code).toBe(Code.DeadlineExceeded);
    released.resolve({});
  });

  test("cancelling reaches the second server", async () => {
    await using servers = await chain(true);
    const leaving = new AbortController();
    const call = errorOf(servers.client.unary({}, { signal: leaving.signal }));
    await expect.poll(() => servers.inner.arrived).toHaveLength(1);
    leaving.abort();
    expect((await call).code).toBe(Code.Canceled);
    await expect.poll(() => servers.inner.aborted).toMatchObject([{ code: Code.Canceled }]);
    await expect.poll(() => servers.outer.records).toMatchObject([{ code: Code.Canceled }]);
  });

  test("a call that has ended well does not abort its signal", async () => {
    const signals: AbortSignal[] = [];
    await using echo = await echoServer({
      async unary(_, { signal }) {
        signals.push(signal);
        return {};
      },
    });
    using transport = transportTo(echo.address);
    const client = createClient(EchoService, transport);
    await client.unary({});
    await client.unary({});
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  });

  test("a signal that lives long gathers no listeners", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    const client = createClient(EchoService, transport);
    const { signal } = new AbortController();
    let listeners = 0;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    for (let call = 0; call < 20; call++) await client.unary({}, { signal });
    await Array.fromAsync(client.serverStream({ count: 3 }, { signal }));
    expect(listeners).toBe(0);
  });

  test("a signal that has aborted before makes no call", async () => {
    await using echo = await echoServer();
    using transport = transportTo(echo.address);
    const error = await errorOf(createClient(EchoService, transport).unary({}, { signal: AbortSignal.abort() }));
    expect(error.code).toBe(Code.Canceled);
    expect(echo.records).toEqual([]);
  });
});
