import { expect, test } from "vitest";
import { call } from "../../../gateway/library.fixture.ts";
import { startStandalone } from "../../../gateway/standalone/standalone.fixture.ts";
import { installGo } from "./install.ts";
import { startServer } from "./server.fixture.ts";

const installed = await installGo();
const service = "grpc.testing.TestService";

test("the gRPC project's interop server in Go is served by its reflection, with REST by rules of the setup", async () => {
  await using server = await startServer(installed);
  await using gateway = await startStandalone(() => ({
    upstreams: { interop: { address: server.address, reflect: true } },
    http: {
      rules: [
        { selector: `${service}.UnaryCall`, post: "/v1/unary", body: "*" },
        { selector: `${service}.StreamingOutputCall`, post: "/v1/stream", body: "*" },
        { selector: `${service}.StreamingInputCall`, post: "/v1/sum", body: "*" },
      ],
    },
  }));
  const unary = await call(gateway.url, "POST /v1/unary", { body: '{"responseSize":3,"payload":{"body":"AAAA"}}' });
  expect([unary.status, unary.json()]).toMatchObject([200, { payload: { type: "COMPRESSABLE", body: "AAAA" } }]);
  const refused = await call(gateway.url, "POST /v1/unary", {
    body: '{"responseStatus":{"code":6,"message":"☺ twice"}}',
  });
  expect([refused.status, refused.json()]).toMatchObject([409, { code: 6, message: "☺ twice" }]);
  const stream = await call(gateway.url, "POST /v1/stream", {
    body: '{"responseParameters":[{"size":1},{"size":2}]}',
    headers: { accept: "application/x-ndjson" },
  });
  const bodies = stream.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).payload.body);
  expect(bodies).toEqual(["AA==", "AAA="]);
  const lines = ['{"payload":{"body":"AAAA"}}', '{"payload":{"body":"AAAAAAAA"}}'];
  const sum = await call(gateway.url, "POST /v1/sum", {
    body: lines.join("\n"),
    headers: { "content-type": "application/x-ndjson" },
  });
  expect([sum.status, sum.json()]).toEqual([200, { aggregatedPayloadSize: 9 }]);
  expect((await call(gateway.url, "GET /readyz")).status).toBe(200);
});

test("services of the server's own affairs are served when they are named", async () => {
  await using server = await startServer(installed);
  const upstream = { address: server.address, reflect: true, services: ["grpc.health.v1.Health"] };
  await using gateway = await startStandalone(() => ({ upstreams: { interop: upstream } }));
  const health = await call(gateway.url, "POST /grpc.health.v1.Health/Check", { body: "{}" });
  expect([health.status, health.json()]).toEqual([200, { status: "SERVING" }]);
  expect((await call(gateway.url, `POST /${service}/EmptyCall`, { body: "{}" })).status).toBe(404);
});
