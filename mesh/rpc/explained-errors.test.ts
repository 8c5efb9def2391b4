import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { Code as GrpcCode } from "#gen/google/rpc/code_pb.ts";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import { CallExplanationSchema } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import { channelUnderTest } from "#mesh/testing";
import { errorOf } from "./catch-error.fixture.ts";
import { EchoService } from "./echo-contract.fixture.ts";
import { echoServer, plainTokens, targetOver, transportTo } from "./echo-server.fixture.ts";

/** A server whose methods call another one, whose calls fail. */
async function chain(fail: () => ConnectError) {
  const stack = new AsyncDisposableStack();
  async function* failing() {
    if (Date.now() > 0) throw fail();
    yield {};
  }
  const inner = stack.use(await echoServer({ unary: () => Promise.reject(fail()), serverStream: failing }));
  const between = stack.use(targetOver(channelUnderTest())(inner.address));
  const client = createClient(EchoService, between);
  const outer = stack.use(
    await echoServer({
      unary: (request) => client.unary(request),
      serverStream: (request) => client.serverStream(request),
    }),
  );
  const transport = stack.use(transportTo(outer.address));
  return { inner, client: createClient(EchoService, transport), [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

/** The explanations among an error's details. */
function explanationsOf(error: unknown) {
  const { details } = ConnectError.from(error);
  return details.flatMap((detail) =>
    "type" in detail && detail.type === CallExplanationSchema.typeName
      ? [fromBinary(CallExplanationSchema, detail.value)]
      : [],
  );
}

const aborted = () => new ConnectError("not like this", Code.Aborted);

test("an admin's error says how the call behind it was made, of unary calls and of streams", async () => {
  await using calls = await chain(aborted);
  const errors = [
    await errorOf(calls.client.unary({}, as("root:admin"))),
    await errorOf(Array.fromAsync(calls.client.serverStream({}, as("root:admin")))),
  ];
  const methods = ["Unary", "ServerStream"].map((name) => `test.echo.v1.EchoService/${name}`);
  expect(errors).toMatchObject([{ code: Code.Aborted }, { code: Code.Aborted }]);
  expect(errors.map(explanationsOf)).toMatchObject(
    methods.map((method) => [
      {
        ...{ method, target: "test.echo", code: GrpcCode.ABORTED, message: "not like this", decidedBy: "endpoint" },
        ...{ stopped: "no_policy", breakerBefore: "closed", budgetLeft: expect.any(Number) },
        attempts: [{ number: 1, kind: "first", address: calls.inner.address, code: GrpcCode.ABORTED }],
        inAttempts: expect.anything(),
      },
    ]),
  );
});

test("nobody else's error does", async () => {
  await using calls = await chain(aborted);
  const others = [undefined, as("ada:"), as("ada:user,administrator"), as("admin:")];
  for (const caller of others) {
    const errors = [
      await errorOf(calls.client.unary({}, caller)),
      await errorOf(Array.fromAsync(calls.client.serverStream({}, caller))),
    ];
    expect(errors.map((error) => ConnectError.from(error).details)).toEqual([[], []]);
  }
});

test("a token that is not good tells nothing", async () => {
  const refusing = {
    ...plainTokens,
    verify: async () => Promise.reject(new ConnectError("the token is not good", Code.Unauthenticated)),
  };
  await using echo = await echoServer({}, { tokens: refusing });
  using transport = transportTo(echo.address);
  const error = await errorOf(createClient(EchoService, transport).unary({}, as("root:admin")));
  expect(error).toMatchObject({ code: Code.Unauthenticated, details: [] });
});

test("where not all details fit, what a client acts on stays", async () => {
  const fieldViolations = [{ field: "text", description: "x".repeat(8_000) }];
  await using calls = await chain(
    () =>
      new ConnectError("bad", Code.InvalidArgument, undefined, [
        { desc: BadRequestSchema, value: { fieldViolations } },
      ]),
  );
  const error = ConnectError.from(await errorOf(calls.client.unary({}, as("root:admin"))));
  expect(error.findDetails(BadRequestSchema)).toMatchObject([{ fieldViolations }]);
  expect(explanationsOf(error)).toEqual([]);
});
