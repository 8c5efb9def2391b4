import { get } from "node:https";
import { expect, test } from "vitest";
import { testAuthority } from "#mesh/testing";
import { call } from "../library.fixture.ts";
import { startDesk, startGateway } from "./desk.fixture.ts";

const dataOnly = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
};

test("answers, errors and streams are data and nothing else to a browser", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address);
  for (const line of ["GET /v1/notes/1", "GET /nothing", "GET /v1/notes:listen", "OPTIONS /v1/notes", "GET /healthz"]) {
    const { headers } = await call(edge.url, line);
    expect([line, headers]).toMatchObject([line, dataOnly]);
    expect(headers["strict-transport-security"]).toBeUndefined();
  }
  const rpc = await call(edge.url, "POST /test.desk.v1.Desk/ReadNote", { body: "{}" });
  expect(rpc.headers).toMatchObject(dataOnly);
});

test("the page at /docs has rules of its own", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address);
  const { headers } = await call(edge.url, "GET /docs");
  expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self';/);
  expect(headers["x-content-type-options"]).toBe("nosniff");
});

test("over TLS browsers are told to stay with it", async () => {
  using authority = await testAuthority();
  await using desk = await startDesk();
  const tls = authority.write(await authority.issue("spiffe://heddle.local/gateway"));
  await using edge = await startGateway(desk.address, { tls: { certificate: tls.certificate, key: tls.key } });
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  get(`${edge.url}/healthz`, { rejectUnauthorized: false, agent: false }, (answer) => {
    resolve(answer.headers["strict-transport-security"]);
    answer.resume();
  }).on("error", reject);
  expect(await promise).toBe("max-age=31536000");
});
