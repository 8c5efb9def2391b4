import { Code, ConnectError } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { QuotaFailureSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { freePort, testDatabases, testPostgresUrl } from "#mesh/testing";
import { call, testConfig } from "../library.fixture.ts";
import { startDesk, startGateway, unaryMethod } from "./desk.fixture.ts";
import { createRelay } from "./relay.fixture.ts";

const ada = { authorization: "Bearer ada:customer" };
const bob = { authorization: "Bearer bob:customer" };
const { guard } = testConfig();
const behindOne = { guard: { ...guard, proxies: { count: 1, header: "x-forwarded-for" as const } } };
const from = (address: string) => ({ "x-forwarded-for": address });

test("a client is told where it stands, and then to wait", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address);
  const first = await call(edge.url, "POST /v1/enter", { body: "{}" });
  expect([first.status, first.headers["ratelimit-policy"], first.headers.ratelimit]).toEqual([
    200,
    '"address-86400";q=2;w=86400',
    '"address-86400";r=1;t=43200',
  ]);
  await call(edge.url, "POST /v1/enter", { body: "{}" });
  const refused = await call(edge.url, "POST /v1/enter", { body: "{}" });
  expect(refused.status).toBe(429);
  const [, seconds] = /^"address-86400";r=0;t=(\d+)$/.exec(String(refused.headers.ratelimit)) ?? [];
  expect(Number(seconds)).toBeGreaterThan(43_000);
  expect(refused.headers["retry-after"]).toBe(seconds);
  expect(refused.json()).toMatchObject({
    code: Code.ResourceExhausted,
    message: `Enter takes 2 calls in 86400 s from one address: try again in ${seconds} s`,
    details: [
      { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: expect.any(String) },
      { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [{ subject: "address-86400" }] },
    ],
  });
  expect((await call(edge.url, "GET /v1/notes/1")).headers.ratelimit).toBeUndefined();
});

test("users are counted by who they are, strangers by where they are, and both by address", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address, behindOne);
  const ring = async (headers: Record<string, string>) =>
    (await call(edge.url, "POST /v1/ring", { headers, body: "{}" })).status;
  expect([await ring({ ...ada, ...from("192.0.2.1") }), await ring({ ...ada, ...from("192.0.2.2") })]).toEqual([
    200, 200,
  ]);
  expect(await ring({ ...ada, ...from("192.0.2.3") })).toBe(429);
  expect(await ring({ ...bob, ...from("192.0.2.3") })).toBe(200);
  expect([await ring(from("192.0.2.3")), await ring(from("192.0.2.3"))]).toEqual([200, 200]);
  // Four calls of this address: the burst of the limit by address, whoever is signed in.
  expect(await ring({ authorization: "Bearer carol:customer", ...from("192.0.2.3") })).toBe(429);
  expect(await ring({ authorization: "Bearer carol:customer", ...from("192.0.2.4") })).toBe(200);
});

test("a client cannot make up an address", async () => {
  await using desk = await startDesk();
  await using direct = await startGateway(desk.address);
  await using proxied = await startGateway(desk.address, behindOne);
  for (const [edge, header] of [
    [direct, (n: number) => `198.51.100.${n}`],
    [proxied, (n: number) => `198.51.100.${n}, 192.0.2.1`],
  ] as const) {
    const enter = async (n: number) =>
      (await call(edge.url, "POST /v1/enter", { headers: from(header(n)), body: "{}" })).status;
    expect([await enter(1), await enter(2), await enter(3)]).toEqual([200, 200, 429]);
  }
});

test("a token that is wrong is counted by address before it is looked at", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address);
  const enter = async () =>
    (await call(edge.url, "POST /v1/enter", { headers: { authorization: "Bearer bad" }, body: "{}" })).status;
  expect([await enter(), await enter(), await enter()]).toEqual([401, 401, 429]);
});

test("the refusal comes before the body", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address);
  for (let n = 0; n < 2; n++) await call(edge.url, "POST /v1/enter", { body: "{}" });
  const refused = await call(edge.url, "POST /v1/enter", { body: "this is no JSON" });
  expect(refused.status).toBe(429);
});

test("Connect and gRPC-Web clients are told the same", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address);
  for (let n = 0; n < 2; n++) await call(edge.url, "POST /v1/enter", { body: "{}" });
  const how = { baseUrl: edge.url, httpVersion: "1.1" as const };
  for (const transport of [createConnectTransport(how), createGrpcWebTransport(how)]) {
    const enter = transport.unary(unaryMethod("enter"), undefined, undefined, undefined, {});
    const error = ConnectError.from(await enter.catch((reason: unknown) => reason));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(Number(error.metadata.get("retry-after"))).toBeGreaterThan(43_000);
    expect(error.metadata.get("ratelimit")).toMatch(/^"address-86400";r=0;t=\d+$/);
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBeGreaterThan(43_000n);
    expect(error.findDetails(QuotaFailureSchema)).toHaveLength(1);
  }
});

test("a stream is one call", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address);
  const listen = async () => (await call(edge.url, "GET /v1/notes:listen")).status;
  expect([await listen(), await listen()]).toEqual([200, 429]);
});

test("a factor widens all limits, and 0 lifts them", async () => {
  await using desk = await startDesk();
  await using wide = await startGateway(desk.address, { guard: { ...guard, rateLimitFactor: 1.5 } });
  await using open = await startGateway(desk.address, { guard: { ...guard, rateLimitFactor: 0 } });
  const statuses = async (url: string) => {
    const answers = [];
    for (let n = 0; n < 4; n++) answers.push((await call(url, "POST /v1/enter", { body: "{}" })).status);
    return answers;
  };
  expect(await statuses(wide.url)).toEqual([200, 200, 200, 429]);
  expect(await statuses(open.url)).toEqual([200, 200, 200, 200]);
});

test("gateways that share a database count together", async () => {
  await using databases = testDatabases();
  const database = { postgresUrl: databases.postgresUrl, name: `${databases.prefix}gateway`, poolSize: 4 };
  await using desk = await startDesk();
  const both = await Promise.all([1, 2].map(() => startGateway(desk.address, { guard: { ...guard, database } })));
  const [one, two] = both;
  if (!one || !two) throw new Error("two gateways");
  try {
    const ring = async ({ url }: typeof one, headers: Record<string, string>) =>
      (await call(url, "POST /v1/ring", { headers, body: "{}" })).status;
    const calls = [one, two, one, two, one, two].map((edge) => ring(edge, ada));
    expect((await Promise.all(calls)).sort()).toEqual([200, 200, 429, 429, 429, 429]);
    expect(both.some(({ lines }) => lines.some(({ msg }) => String(msg).includes("not shared")))).toBe(false);
  } finally {
    for (const edge of both) await edge.stop();
  }
});

test("without its database a gateway counts for itself and says so, and shares again once it is back", async () => {
  await using databases = testDatabases();
  const name = `${databases.prefix}gateway`;
  await using relay = createRelay(testPostgresUrl(), await freePort());
  await using desk = await startDesk();
  const database = { postgresUrl: relay.url, name, poolSize: 2 };
  await using edge = await startGateway(desk.address, { guard: { ...guard, database } });
  const enter = async () => (await call(edge.url, "POST /v1/enter", { body: "{}" })).status;
  const said = (text: string) => edge.lines.some(({ msg }) => String(msg).includes(text));
  expect(said("the shared database is away")).toBe(true);
  expect([await enter(), await enter(), await enter()]).toEqual([200, 200, 429]);
  expect(said("rate limits are not shared")).toBe(true);
  await relay.open();
  // Nobody has called as far as the database knows.
  await expect.poll(enter).toBe(200);
  expect(said("rate limits are shared again")).toBe(true);
});
