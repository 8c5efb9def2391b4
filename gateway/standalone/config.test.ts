import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { defaultGuard } from "../guard/guard-config.ts";
import { defaultClientLimits } from "../http/client-limits.ts";
import { SetupError } from "./config.ts";
import { readConfig, readConfigFile } from "./read-config.ts";

const folder = mkdtempSync(join(tmpdir(), "gateway-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string) {
  const file = join(folder, "gateway.yaml");
  writeFileSync(file, text);
  return readConfigFile(file);
}

function faultsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (fault) {
    if (fault instanceof SetupError) return fault.faults;
    throw fault;
  }
  return [];
}

test("a short file has the documented defaults", () => {
  const config = read("upstreams: {users: {address: 'localhost:50051', descriptors: image.binpb}}");
  expect(config).toEqual({
    listen: { host: "127.0.0.1", port: 8080, tls: undefined },
    upstreams: [
      {
        name: "users",
        address: "localhost:50051",
        descriptors: [join(folder, "image.binpb")],
        selectors: undefined,
        tls: undefined,
      },
    ],
    rules: [],
    corsOrigins: [],
    auth: undefined,
    guard: defaultGuard,
    limits: {
      maxBodyBytes: 4_194_304,
      deadlineMs: 10_000,
      streamDeadlineMs: Number.POSITIVE_INFINITY,
      reflectionMs: 60_000,
    },
    clients: defaultClientLimits,
    streams: { openAfterMs: 1_000, heartbeatMs: 15_000, idleTimeoutMs: 300_000 },
    docs: { title: "API" },
    stop: { drainDelayMs: 0, drainTimeoutMs: 10_000 },
    metricsPort: 0,
    registryUrl: undefined,
    files: [join(folder, "gateway.yaml"), join(folder, "image.binpb")],
  });
});

test("a long file says everything", () => {
  const config = read(`
    listen: {host: 0.0.0.0, port: 80, tls: {cert: own.pem, key: /own.key}}
    upstreams:
      users:
        address: [a.example:1, b.example:2]
        descriptors: [one.binpb, /two.binpb]
        services: acme.users.v1.*
        tls: {ca: ca.pem, cert: cert.pem, key: key.pem, server_name: users.internal}
      orders: {address: "mesh:///shop.order", reflect: true, tls: true}
    http:
      rules:
        - selector: acme.users.v1.Users.GetUser
          get: /v1/users/{id}
          additional_bindings: [{get: "/v1/people/{id}"}]
    cors: {origins: ["https://a.example"]}
    auth: {issuer: "https://id.example", audience: [api, app], public: grpc.health.v1.*, roles_claim: realm.roles}
    limits: {max_body_bytes: 2000, max_held_bytes: 2000000, max_upload_bytes: 3000000, max_concurrent: 100, client_share: 20, head_timeout: 1s, body_timeout: 2s, stall_timeout: 3s, deadline: 5s, stream_deadline: 1h, reflection: 500ms}
    streams: {open_after: 2s, heartbeat: 0s, idle_timeout: 1h}
    docs: {title: Acme}
    stop: {delay: 1s, timeout: 2m}
    metrics: {port: 9100}
    registry: {nats: "nats://localhost:4222"}
  `);
  expect(config.upstreams).toEqual([
    {
      name: "users",
      address: "a.example:1,b.example:2",
      descriptors: [join(folder, "one.binpb"), "/two.binpb"],
      selectors: ["acme.users.v1.*"],
      tls: {
        ca: join(folder, "ca.pem"),
        client: { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") },
        serverName: "users.internal",
      },
    },
    {
      name: "orders",
      address: "mesh:///shop.order",
      descriptors: undefined,
      selectors: undefined,
      tls: { ca: undefined, client: undefined, serverName: undefined },
    },
  ]);
  expect(config.rules).toMatchObject([
    {
      pattern: { case: "get", value: "/v1/users/{id}" },
      additionalBindings: [{ pattern: { value: "/v1/people/{id}" } }],
    },
  ]);
  expect(config.auth).toEqual({
    jwksUrl: undefined,
    issuer: "https://id.example",
    audiences: ["api", "app"],
    rolesClaim: "realm.roles",
    open: ["grpc.health.v1.*"],
  });
  expect(config.limits).toEqual({
    maxBodyBytes: 2_000,
    deadlineMs: 5_000,
    streamDeadlineMs: 3_600_000,
    reflectionMs: 500,
  });
  expect(config.clients).toEqual({
    headTimeoutMs: 1_000,
    bodyTimeoutMs: 2_000,
    stallTimeoutMs: 3_000,
    maxHeldBytes: 2_000_000,
    maxUploadBytes: 3_000_000,
  });
  expect(config.guard).toEqual({ ...defaultGuard, maxConcurrent: 100, clientShare: 20 });
  const certificate = { certificate: join(folder, "own.pem"), key: "/own.key" };
  expect(config.listen).toEqual({ host: "0.0.0.0", port: 80, tls: certificate });
  expect(config.streams).toEqual({ openAfterMs: 2_000, heartbeatMs: 0, idleTimeoutMs: 3_600_000 });
  expect(config.docs).toEqual({ title: "Acme" });
  expect(config.files.map((file) => file.replace(`${folder}/`, ""))).toEqual([
    ...["gateway.yaml", "one.binpb", "/two.binpb", "ca.pem", "cert.pem", "key.pem"],
  ]);
});

test("every fault is listed with its path and line", () => {
  const faults = faultsOf(() =>
    read(`
listen: {port: 80x}
upstreams:
  users:
    adress: localhost:1
    descriptors: a.binpb
    reflect: true
  orders:
    address: nowhere
    tls:
      cert: cert.pem
http:
  rules:
    - get: /v1/users
    - {selector: a.B.C, gett: /v1}
cors: {origins: [a.example]}
auth: {issuer: http://id.example}
limits: {deadline: 10, max_body_bytes: 3}
`),
  );
  expect(faults).toEqual([
    "line 2: listen.port: must be a whole number",
    "line 4: upstreams.users.address: must be an address, or a list of addresses",
    'line 5: upstreams.users.adress: is unknown; did you mean "address"?',
    expect.stringMatching(/^line 9: upstreams.orders.address: must be one of: "host:port"/),
    "line 10: upstreams.orders.tls: cert and key belong together",
    'line 8: upstreams.orders: must have either "descriptors: image.binpb" or "reflect: true"',
    'line 14: http.rules[0]: has no selector: name a method, such as "acme.users.v1.Users.GetUser"',
    expect.stringMatching(/^line 15: http.rules\[1\]: .*gett/),
    'line 16: cors.origins[0]: must be an origin such as "https://shop.example", or "*"',
    "line 17: auth.audience: must be a text, or a list of texts",
    "line 18: limits.max_body_bytes: must be 1024 or more",
    'line 18: limits.deadline: must be a duration such as "1500ms", "10s" or "5m"',
  ]);
});

test.each([
  ["users: {address: 'h:1'}", 'upstreams.users: must have either "descriptors: image.binpb" or "reflect: true"'],
  ["users: {address: 'h:1', reflect: true, descriptors: a}", "upstreams.users: must have either"],
  ["users: {address: 'mesh:///shop.order', reflect: true}", "upstreams.users.address: mesh:/// needs"],
  ["{a: {address: 'h:1', reflect: true}, b: {address: 'h:1', reflect: true}}", "upstreams a and b are both h:1"],
  ["{}", "upstreams: must name at least one server"],
])("upstreams: %s is refused", (text, why) => {
  expect(faultsOf(() => read(`upstreams:\n  ${text}`)).join()).toContain(why);
});

test.each([
  ["issuer: http://id.example, audience: a", "auth.issuer: must be an https:// URL where there is no jwks"],
  ["jwks: 'http://id.example/keys', audience: a", "auth.jwks: must begin with https://"],
  ["audience: a", "auth: needs an issuer, or the URL of its jwks"],
])("auth: {%s} is refused", (text, why) => {
  const upstreams = "upstreams: {users: {address: 'h:1', reflect: true}}";
  expect(faultsOf(() => read(`${upstreams}\nauth: {${text}}`)).join()).toContain(why);
});

test("a file that is no YAML, and one that is not there, are refused", () => {
  expect(faultsOf(() => read("upstreams: [")).join()).toMatch(/line 1/);
  expect(faultsOf(() => read("a: 1\na: 2")).join()).toMatch(/unique/i);
  expect(faultsOf(() => readConfigFile(join(folder, "missing.yaml"))).join()).toContain("it cannot be read");
  expect(faultsOf(() => readConfig([], { origin: "x", folder }))).not.toEqual([]);
});
