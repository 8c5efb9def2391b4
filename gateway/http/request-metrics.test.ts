import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { freePort } from "#mesh/testing";
import { startDesk, startGateway, unaryMethod } from "../guard/desk.fixture.ts";
import { call } from "../library.fixture.ts";

test("requests are counted by route, status and protocol, whatever became of them", async () => {
  const go = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  await using desk = await startDesk(async (request) => {
    if (request.id === "held") {
      entered.resolve();
      await go.promise;
    }
    return request;
  });
  const metricsPort = await freePort();
  await using edge = await startGateway(desk.address, { metricsPort });
  const told = async () => (await call(`http://127.0.0.1:${metricsPort}`, "GET /metrics")).text;
  const key = { authorization: "Bearer ada:customer", "idempotency-key": "once" };
  await call(edge.url, "GET /v1/notes/1");
  await call(edge.url, "GET /v1/notes/2?utm_source=x");
  await call(edge.url, "PROPFIND /v1/notes/2");
  for (let i = 0; i < 3; i++) await call(edge.url, "POST /v1/enter", { body: "{}" });
  for (let i = 0; i < 2; i++) await call(edge.url, "POST /v1/notes", { headers: key, body: "{}" });
  const grpc = createGrpcTransport({ baseUrl: edge.url });
  await grpc.unary(unaryMethod("writeNote"), undefined, undefined, undefined, {}).catch(() => undefined);
  const leaving = new AbortController();
  const held = call(edge.url, "GET /v1/notes/held", { signal: leaving.signal }).catch(() => undefined);
  await entered.promise;
  expect(await told()).toContain("http_server_active_requests 1\n");
  leaving.abort();
  await held;
  go.resolve();
  const counted = (labels: Record<string, string>) => {
    const all = {
      http_request_method: "GET",
      http_route: "",
      grpc_status: "OK",
      network_protocol_version: "1.1",
      ...labels,
    };
    const order = [
      "http_request_method",
      "http_route",
      "http_response_status_code",
      "grpc_status",
      "network_protocol_version",
    ];
    const written = order.map((name) => `${name}="${Object.entries(all).find(([each]) => each === name)?.[1]}"`);
    return `http_server_request_duration_seconds_count{${written.join(",")}}`;
  };
  await expect.poll(told).toContain("http_server_active_requests 0\n");
  const text = await told();
  const [note, notes, enter] = ["/v1/notes/{id}", "/v1/notes", "/v1/enter"];
  expect(text).toContain(`${counted({ http_route: note, http_response_status_code: "200" })} 2\n`);
  const gone = { http_route: note, http_response_status_code: "499", grpc_status: "CANCELLED" };
  expect(text).toContain(`${counted(gone)} 1\n`);
  const wrong = { http_request_method: "_OTHER", http_response_status_code: "405", grpc_status: "UNIMPLEMENTED" };
  expect(text).toContain(`${counted(wrong)} 1\n`);
  const limited = { http_request_method: "POST", http_route: enter, http_response_status_code: "429" };
  expect(text).toContain(`${counted({ ...limited, grpc_status: "RESOURCE_EXHAUSTED" })} 1\n`);
  expect(text).toContain('heddle_gateway_refused_total{reason="address-86400"} 1\n');
  const written = { http_request_method: "POST", http_route: notes, http_response_status_code: "200" };
  expect(text).toContain(`${counted(written)} 2\n`);
  expect(text).toContain("heddle_gateway_replayed_total 1\n");
  const rpc = { ...written, http_route: "/test.desk.v1.Desk/WriteNote", network_protocol_version: "2" };
  expect(text).toContain(`${counted({ ...rpc, grpc_status: "UNAUTHENTICATED" })} 1\n`);
});
