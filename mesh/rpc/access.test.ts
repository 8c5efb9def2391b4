import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { type AccessTokenVerifier, secretIdentity } from "#mesh/identity";
import { errorOf } from "./catch-error.fixture.ts";
import { EchoService } from "./echo-contract.fixture.ts";
import { echoServer, SECRET, transportTo } from "./echo-server.fixture.ts";

const OK = 0;
const NO = Code.PermissionDenied;
const WHO = Code.Unauthenticated;
const callers = {
  stranger: {},
  user: { user: "u:customer" },
  admin: { user: "u:admin" },
  order: { service: "shop.order" },
};
const matrix = {
  unary: { stranger: OK, user: OK, admin: OK, order: OK },
  signedIn: { stranger: WHO, user: OK, admin: OK, order: WHO },
  adminOnly: { stranger: WHO, user: NO, admin: OK, order: WHO },
  orderOnly: { stranger: NO, user: NO, admin: NO, order: OK },
  adminOrOrder: { stranger: WHO, user: NO, admin: OK, order: OK },
} as const;

async function codeOf(method: keyof typeof matrix, { user, service }: { user?: string; service?: string }) {
  await using echo = await echoServer();
  using transport = transportTo(echo.address, service ? { identity: secretIdentity(service, SECRET) } : {});
  const headers: Record<string, string> = user ? { authorization: `Bearer ${user}` } : {};
  const call = createClient(EchoService, transport)[method]({}, { headers });
  return await call.then(
    () => OK,
    (error: unknown) => ConnectError.from(error).code,
  );
}

describe.each(Object.keys(matrix) as (keyof typeof matrix)[])("%s", (method) => {
  test.each(Object.keys(callers) as (keyof typeof callers)[])("called by %s", async (caller) => {
    expect(await codeOf(method, callers[caller])).toBe(matrix[method][caller]);
  });
});

test("another service than the listed one is refused", async () => {
  expect(await codeOf("orderOnly", { service: "shop.payment" })).toBe(NO);
});

test("a service that does not know the secret is nobody", async () => {
  await using echo = await echoServer();
  using transport = transportTo(echo.address, { identity: secretIdentity("shop.order", "s".repeat(32)) });
  const error = await errorOf(createClient(EchoService, transport).orderOnly({}));
  expect(error).toMatchObject({ code: WHO, rawMessage: expect.stringContaining("HEDDLE_MESH_SECRET") });
});

test("a bad token is refused before the request is read, even by a public method", async () => {
  const tokens: AccessTokenVerifier = {
    verify: () => Promise.reject(new ConnectError("the access token has expired", WHO)),
  };
  await using echo = await echoServer({}, { tokens });
  using transport = transportTo(echo.address);
  const invalid = { text: "much too long a text" };
  const error = await errorOf(
    createClient(EchoService, transport).unary(invalid, { headers: { authorization: "Bearer x" } }),
  );
  expect(error).toMatchObject({ code: WHO, rawMessage: "the access token has expired" });
});

test("a refused caller does not learn whether the request was valid", async () => {
  await using echo = await echoServer();
  using transport = transportTo(echo.address);
  const error = await errorOf(createClient(EchoService, transport).adminOnly({ text: "much too long a text" }));
  expect(error.code).toBe(WHO);
});

test("the log says who called", async () => {
  await using echo = await echoServer();
  using transport = transportTo(echo.address, { identity: secretIdentity("shop.order", SECRET) });
  await createClient(EchoService, transport).signedIn({}, { headers: { authorization: "Bearer ada" } });
  await expect
    .poll(() => echo.lines)
    .toMatchObject([
      {
        msg: "call",
        level: "info",
        method: "test.echo.v1.EchoService/SignedIn",
        code: "ok",
        caller: "ada via shop.order",
        ms: expect.any(Number),
        requestId: expect.stringMatching(/^[0-9a-f]{32}$/),
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ]);
});
