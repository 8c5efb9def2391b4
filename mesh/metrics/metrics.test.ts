import { createServer } from "node:http";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { readContract } from "#mesh/contract";
import { createDiscovery } from "#mesh/discovery";
import { secretIdentity } from "#mesh/identity";
import { createRpcServer, createTargetTransport, implement } from "#mesh/rpc";
import { channelUnderTest, freePort, silentLogger } from "#mesh/testing";
import { createMetricsServer, processMetrics } from "./index.ts";

const METHOD = "heddle.identity.v1.JsonWebKeyService/ListJsonWebKeys";
const GO = 'grpc_type="unary",grpc_service="heddle.identity.v1.JsonWebKeyService",grpc_method="ListJsonWebKeys"';
const TARGET = `grpc_method="${METHOD}",grpc_target="heddle.identity"`;

/** Reads the text format, and fails at whatever is none or comes twice. */
function parse(text: string): Map<string, number> {
  const values = new Map<string, number>();
  const families = new Set<string>();
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const [, type] = /^# TYPE (\S+) (?:counter|gauge|histogram|summary)$/.exec(line) ?? [];
    if (type !== undefined) {
      expect(families).not.toContain(type);
      families.add(type);
    }
    if (line.startsWith("#")) continue;
    const [, series = "", value] = /^([a-z_]\w*(?:\{(?:\w+="[^"\\]*",?)+\})?) (\S+)$/.exec(line) ?? [];
    expect(value, line).toBeDefined();
    expect(values.has(series), series).toBe(false);
    values.set(series, Number(value));
  }
  return values;
}

/** A server whose keys cannot be had while it is broken, a client, and the port that tells of both. */
async function world() {
  const port = await freePort();
  const part = createMetricsServer({ host: "127.0.0.1", port });
  await part.start();
  const { server, client: calls, watch } = processMetrics();
  const service = { broken: false };
  const rpc = createRpcServer({
    ...{ host: "127.0.0.1", port: 0, contract: readContract({ services: [JsonWebKeyService] }) },
    services: [
      implement(JsonWebKeyService, {
        async listJsonWebKeys() {
          if (service.broken) throw new ConnectError("no keys today", Code.Unavailable);
          return {};
        },
      }),
    ],
    tokens: { verify: async () => undefined },
    identity: secretIdentity("heddle.identity", "a secret that only this test knows, and keeps"),
    log: silentLogger(),
    meterOf: server.meterOf,
  });
  await rpc.start();
  const transport = createTargetTransport({
    ...{ service: JsonWebKeyService, address: rpc.address, discovery: createDiscovery() },
    place: { zone: "", seed: "test" },
    channel: channelUnderTest(),
    meterOf: calls.meterOf,
  });
  const unwatch = watch({ name: "test.caller", targets: () => [transport.view()] });
  const client = createClient(JsonWebKeyService, transport);
  return {
    service,
    call: () =>
      client.listJsonWebKeys({}).then(
        () => 0,
        ({ code }) => code,
      ),
    async scrape() {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`);
      expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
      return parse(await response.text());
    },
    async [Symbol.asyncDispose]() {
      unwatch();
      transport.close();
      await rpc.stop();
      await part.stop();
    },
  };
}

test("calls, attempts and retries are told by the names that dashboards know", async () => {
  await using shop = await world();
  for (let call = 0; call < 3; call++) expect(await shop.call()).toBe(0);
  shop.service.broken = true;
  expect(await shop.call()).toBe(Code.Unavailable);
  const values = await shop.scrape();
  const expected: Record<string, number> = {
    // Three calls, and one of three attempts.
    [`grpc_server_call_started_total{grpc_method="${METHOD}"}`]: 6,
    [`grpc_server_call_duration_seconds_count{grpc_method="${METHOD}",grpc_status="OK"}`]: 3,
    [`grpc_server_call_duration_seconds_count{grpc_method="${METHOD}",grpc_status="UNAVAILABLE"}`]: 3,
    [`grpc_server_call_duration_seconds_bucket{grpc_method="${METHOD}",grpc_status="OK",le="100"}`]: 3,
    [`grpc_server_call_duration_seconds_bucket{grpc_method="${METHOD}",grpc_status="OK",le="+Inf"}`]: 3,
    [`grpc_server_started_total{${GO}}`]: 6,
    [`grpc_server_handled_total{${GO},grpc_code="OK"}`]: 3,
    [`grpc_server_handled_total{${GO},grpc_code="Unavailable"}`]: 3,
    [`grpc_server_handling_seconds_bucket{${GO},le="10"}`]: 6,
    [`grpc_server_handling_seconds_count{${GO}}`]: 6,
    [`grpc_client_attempt_started_total{${TARGET}}`]: 6,
    [`grpc_client_attempt_duration_seconds_count{${TARGET},grpc_status="OK"}`]: 3,
    [`grpc_client_attempt_duration_seconds_count{${TARGET},grpc_status="UNAVAILABLE"}`]: 3,
    [`grpc_client_call_duration_seconds_count{${TARGET},grpc_status="OK"}`]: 3,
    [`grpc_client_call_duration_seconds_count{${TARGET},grpc_status="UNAVAILABLE"}`]: 1,
    [`grpc_client_call_retries_bucket{${TARGET},le="1"}`]: 0,
    [`grpc_client_call_retries_bucket{${TARGET},le="2"}`]: 1,
    [`grpc_client_call_retries_sum{${TARGET}}`]: 2,
  };
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, values.get(name)]))).toEqual(expected);
  expect(values.get(`grpc_client_call_duration_seconds_sum{${TARGET},grpc_status="OK"}`)).toBeGreaterThan(0);
  expect(values.get("process_resident_memory_bytes")).toBeGreaterThan(0);
});

test("copies of calls for another version are told apart from the calls", async () => {
  await using shop = await world();
  const copied = processMetrics().client.meterOf("test.mirrored", JsonWebKeyService.method.listJsonWebKeys);
  copied.copyEnded(0, 20);
  copied.copyEnded(Code.Unavailable, 5);
  copied.copyDropped();
  const values = await shop.scrape();
  const labels = `grpc_method="${METHOD}",grpc_target="test.mirrored"`;
  const ended = (status: string) =>
    values.get(`heddle_client_mirrored_duration_seconds_count{${labels},grpc_status="${status}"}`);
  expect([ended("OK"), ended("UNAVAILABLE")]).toEqual([1, 1]);
  expect(values.get(`heddle_client_mirrored_dropped_total{${labels}}`)).toBe(1);
  expect(values.get(`grpc_client_attempt_started_total{${labels}}`)).toBe(0);
});

test("breaker, budget and endpoints are told for each caller and target", async () => {
  await using shop = await world();
  const labels = 'caller="test.caller",grpc_target="heddle.identity"';
  expect(await shop.call()).toBe(0);
  const before = await shop.scrape();
  expect(before.get(`heddle_client_breaker_state{${labels}}`)).toBe(0);
  expect(before.get(`heddle_client_endpoints{${labels},state="serving"}`)).toBe(1);
  expect(before.get(`heddle_client_endpoints_ejected{${labels}}`)).toBe(0);
  expect(before.get(`grpc_lb_outlier_detection_ejections_enforced_total{${labels}}`)).toBe(0);
  shop.service.broken = true;
  for (let call = 0; call < 10; call++) expect(await shop.call()).toBe(Code.Unavailable);
  const after = await shop.scrape();
  expect(after.get(`heddle_client_breaker_state{${labels}}`)).toBe(2);
  const budget = `heddle_client_retry_budget_left{${labels}}`;
  expect(after.get(budget)).toBeLessThan(before.get(budget) ?? 0);
});

test("all that name one port in a process share it, until the last has left", async () => {
  const port = await freePort();
  const [one, other] = [createMetricsServer({ host: "127.0.0.1", port }), createMetricsServer({ host: "::1", port })];
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`).then(({ status }) => status);
  await Promise.all([one.start(), other.start()]);
  await one.stop();
  await one.stop();
  expect(await ask("/metrics")).toBe(200);
  expect(await ask("/")).toBe(404);
  await other.stop();
  await expect(ask("/metrics")).rejects.toThrow();
});

test("a port that somebody else has is named with its variable", async () => {
  const port = await freePort();
  const foreign = createServer().listen(port, "127.0.0.1");
  await expect.poll(() => foreign.listening).toBe(true);
  const part = createMetricsServer({ host: "127.0.0.1", port });
  await expect(part.start()).rejects.toThrow(/EADDRINUSE.*HEDDLE_METRICS_PORT/);
  await part.stop();
  foreign.close();
});
