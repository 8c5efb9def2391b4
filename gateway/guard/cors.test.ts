import { expect, test } from "vitest";
import { call } from "../library.fixture.ts";
import { startDesk, startGateway } from "./desk.fixture.ts";
import { defaultGuard } from "./guard-config.ts";

const origin = "https://shop.example";
const shop = { corsOrigins: [origin] };
const asks = (method: string) => ({ origin, "access-control-request-method": method });

test("a preflight is answered for the path that is asked about", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address, shop);
  const methodsOf = async (path: string) => {
    const { status, headers, text } = await call(edge.url, `OPTIONS ${path}`, { headers: asks("POST") });
    expect([status, text, headers["access-control-allow-origin"]]).toEqual([204, "", origin]);
    return headers["access-control-allow-methods"];
  };
  expect(await methodsOf("/v1/notes")).toBe("OPTIONS, POST");
  expect(await methodsOf("/v1/notes/1")).toBe("GET, HEAD, OPTIONS");
  expect(await methodsOf("/test.desk.v1.Desk/WriteNote")).toContain("POST");
  expect((await call(edge.url, "OPTIONS /nothing", { headers: asks("POST") })).status).toBe(404);
});

test("pages may send what the gateway reads and what is configured, whatever they ask for", async () => {
  await using desk = await startDesk();
  const guard = { ...defaultGuard, cors: { headers: ["X-Tenant"], privateNetwork: false } };
  await using edge = await startGateway(desk.address, { ...shop, guard });
  const headers = { ...asks("POST"), "access-control-request-headers": "authorization,x-evil" };
  const answer = await call(edge.url, "OPTIONS /v1/notes", { headers });
  const allowed = String(answer.headers["access-control-allow-headers"]).toLowerCase().split(", ");
  for (const name of ["authorization", "content-type", "idempotency-key", "connect-protocol-version", "x-tenant"]) {
    expect(allowed).toContain(name);
  }
  expect(allowed).not.toContain("x-evil");
  expect(Number(answer.headers["access-control-max-age"])).toBeGreaterThan(0);
});

test("pages of other origins are told nothing", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address, shop);
  for (const other of ["https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"]) {
    for (const line of ["OPTIONS /v1/notes", "GET /v1/notes/1"]) {
      const { headers } = await call(edge.url, line, { headers: { ...asks("POST"), origin: other } });
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control-"))).toEqual([]);
    }
  }
});

test("an answer says that it depends on the origin, also where there is none: caches keep it for others", async () => {
  await using desk = await startDesk();
  await using one = await startGateway(desk.address, shop);
  await using any = await startGateway(desk.address, { corsOrigins: ["*"] });
  await using none = await startGateway(desk.address);
  const headersOf = async (url: string, headers: Record<string, string>) =>
    (await call(url, "GET /v1/notes/1", { headers })).headers;
  expect((await headersOf(one.url, {})).vary).toContain("Origin");
  expect((await headersOf(one.url, { origin: "https://evil.example" })).vary).toContain("Origin");
  expect(await headersOf(one.url, { origin })).toMatchObject({
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "*",
    vary: expect.stringContaining("Origin"),
  });
  const open = await headersOf(any.url, {});
  expect([open["access-control-allow-origin"], open.vary ?? ""]).toEqual(["*", expect.not.stringContaining("Origin")]);
  const closed = await headersOf(none.url, { origin });
  expect([closed["access-control-allow-origin"], closed.vary ?? ""]).toEqual([
    undefined,
    expect.not.stringContaining("Origin"),
  ]);
  // Errors too, else a page cannot read why.
  const refused = await call(one.url, "POST /v1/notes", { headers: { origin }, body: "{}" });
  expect([refused.status, refused.headers["access-control-allow-origin"]]).toEqual([401, origin]);
});

test("credentials are never allowed, and private networks only where that is configured", async () => {
  await using desk = await startDesk();
  const guard = { ...defaultGuard, cors: { headers: [], privateNetwork: true } };
  await using closed = await startGateway(desk.address, shop);
  await using open = await startGateway(desk.address, { ...shop, guard });
  const headers = { ...asks("POST"), "access-control-request-private-network": "true" };
  for (const [edge, allowed] of [
    [closed, undefined],
    [open, "true"],
  ] as const) {
    const answer = await call(edge.url, "OPTIONS /v1/notes", { headers });
    expect(answer.headers["access-control-allow-private-network"]).toBe(allowed);
    expect(answer.headers["access-control-allow-credentials"]).toBeUndefined();
  }
  const unasked = await call(open.url, "OPTIONS /v1/notes", { headers: asks("POST") });
  expect(unasked.headers["access-control-allow-private-network"]).toBeUndefined();
});
