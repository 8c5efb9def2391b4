import { Code, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import { errorOf } from "./catch-error.fixture.ts";
import { EchoService } from "./echo-contract.fixture.ts";
import { echoServer, transportTo } from "./echo-server.fixture.ts";

test("the server and each service are checked and listed", async () => {
  await using echo = await echoServer();
  using transport = transportTo(echo.address);
  const health = createClient(Health, transport);
  for (const service of ["", EchoService.typeName]) {
    expect(await health.check({ service })).toMatchObject({ status: Status.SERVING });
  }
  expect(Object.keys((await health.list({})).statuses)).toEqual(["", EchoService.typeName]);
  expect(await errorOf(health.check({ service: "nobody" }))).toMatchObject({ code: Code.NotFound });
});

test("a watch tells the status and its changes", async () => {
  await using echo = await echoServer();
  using transport = transportTo(echo.address);
  const leaving = new AbortController();
  const seen: Status[] = [];
  const watch = async () => {
    const watched = createClient(Health, transport).watch({ service: EchoService.typeName }, leaving);
    for await (const { status } of watched) seen.push(status);
  };
  const watching = errorOf(watch());
  await expect.poll(() => seen).toEqual([Status.SERVING]);
  echo.server.setServing(false);
  await expect.poll(() => seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
  echo.server.setServing(false);
  echo.server.setServing(true);
  await expect.poll(() => seen).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
  leaving.abort();
  expect((await watching).code).toBe(Code.Canceled);
});

test("an unknown service is watched as unknown", async () => {
  await using echo = await echoServer();
  using transport = transportTo(echo.address);
  const leaving = new AbortController();
  const watch = createClient(Health, transport).watch({ service: "nobody" }, leaving);
  expect((await watch[Symbol.asyncIterator]().next()).value).toMatchObject({ status: Status.SERVICE_UNKNOWN });
  leaving.abort();
});

test("a stop reports NOT_SERVING, finishes what is in flight and takes nothing new", async () => {
  const [entered, release] = [Promise.withResolvers<void>(), Promise.withResolvers<object>()];
  const echo = await echoServer({
    unary() {
      entered.resolve();
      return release.promise;
    },
  });
  using transport = transportTo(echo.address);
  const seen: Status[] = [];
  const watch = async () => {
    for await (const { status } of createClient(Health, transport).watch({})) seen.push(status);
  };
  const watching = errorOf(watch());
  await expect.poll(() => seen).toEqual([Status.SERVING]);
  const inFlight = createClient(EchoService, transport).unary({});
  await entered.promise;

  const stopping = echo.server.stop();
  expect(await watching).toMatchObject({ code: Code.Unavailable, rawMessage: "the server is stopping" });
  expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
  using late = transportTo(echo.address);
  expect(await errorOf(createClient(EchoService, late).unary({}))).toMatchObject({ code: Code.Unavailable });

  release.resolve({ text: "done" });
  expect(await inFlight).toMatchObject({ text: "done" });
  await stopping;
});

test("a stop does not wait longer than it may for calls that do not end", async () => {
  const entered = Promise.withResolvers<void>();
  const echo = await echoServer(
    {
      unary() {
        entered.resolve();
        return new Promise(() => {});
      },
    },
    { drainTimeoutMs: 50 },
  );
  using transport = transportTo(echo.address);
  const inFlight = errorOf(createClient(EchoService, transport).unary({}));
  await entered.promise;
  await echo.server.stop();
  expect([Code.Unavailable, Code.Canceled]).toContain((await inFlight).code);
  await expect.poll(() => echo.records).toMatchObject([{ code: Code.Canceled }]);
});

test("a stopped server can start again", async () => {
  const echo = await echoServer();
  await echo.server.stop();
  await echo.server.start();
  using transport = transportTo(echo.server.address);
  expect(await createClient(Health, transport).check({})).toMatchObject({ status: Status.SERVING });
  await echo.server.stop();
});
