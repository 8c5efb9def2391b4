import { expect, test } from "vitest";
import { Health } from "#gen/grpc/health/v1/health_pb.ts";
import { readContract } from "#mesh/contract";
import { StartError } from "#mesh/process";
import { EchoService } from "./echo-contract.fixture.ts";
import { echoServer } from "./echo-server.fixture.ts";
import { implement } from "./handler.ts";

async function startErrorOf(starting: Promise<unknown>): Promise<string> {
  const error = await starting.catch((reason: unknown) => reason);
  if (error instanceof StartError) return error.message;
  throw new Error("the start did not fail as expected", { cause: error });
}

test("a port in use is said with the variable that mends it", async () => {
  await using first = await echoServer();
  const port = Number(first.address.split(":")[1]);
  const message = await startErrorOf(echoServer({}, { port }));
  expect(message).toContain(`test.echo cannot listen on 127.0.0.1:${port}`);
  expect(message).toContain("EADDRINUSE");
  expect(message).toContain("Set TEST_ECHO_PORT to a free port");
});

test("a service of the contract without handlers does not start", async () => {
  const message = await startErrorOf(echoServer({}, { services: [] }));
  expect(message).toContain("test.echo.v1.EchoService has no handlers");
});

test("missing and superfluous handlers do not start, all named at once", async () => {
  const handlers = { unary: async () => ({}), sing: async () => ({}) };
  const message = await startErrorOf(echoServer({}, { services: [{ service: EchoService, handlers }] }));
  expect(message).toContain("/test.echo.v1.EchoService/Bidi has no handler: write bidi");
  expect(message).toContain("the handler sing belongs to no method of test.echo.v1.EchoService");
});

test("a service that the contract does not name does not start", async () => {
  const services = [
    implement(Health, {
      check: async () => ({}),
      list: async () => ({}),
      async *watch() {},
    }),
  ];
  expect(await startErrorOf(echoServer({}, { services }))).toContain("grpc.health.v1.Health is not in the contract");
});

test("a method without a policy does not start", async () => {
  const contract = { ...readContract({ services: [EchoService] }), methods: new Map() };
  expect(await startErrorOf(echoServer({}, { contract }))).toContain("/test.echo.v1.EchoService/Unary has no policy");
});
