import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { expect, test } from "vitest";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { file_platform_identity_v1_identity_events as events } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { readContract } from "#mesh/contract";
import { accessTokenVerifier, certificateIdentity } from "#mesh/identity";
import { type AnyRpcHandler, createRpcServer, type RpcContext, requireUser } from "#mesh/rpc";
import { freePort, silentLogger, type TestAuthority, testAuthority } from "#mesh/testing";
import { readGatewayConfig } from "./config.ts";
import { call } from "./library.fixture.ts";

const secret = "a secret that identity and its gateway share";
const main = fileURLToPath(new URL("main.ts", import.meta.url));

test("the gateway runs alone, and checks real tokens with the keys of the identity service", async () => {
  using authority = await testAuthority();
  await using identity = await startIdentity(authority);
  const files = authority.write(await authority.issue("spiffe://heddle.local/gateway"));
  const port = await freePort();
  const nobody = `127.0.0.1:${await freePort()}`;
  const gateway = startGateway({
    GATEWAY_PORT: String(port),
    HEDDLE_TLS_CERT: files.certificate,
    HEDDLE_TLS_KEY: files.key,
    HEDDLE_TLS_CA: files.authorities,
    PLATFORM_IDENTITY_ADDRESS: identity.address,
    SHOP_CATALOG_ADDRESS: nobody,
    SHOP_DASHBOARD_ADDRESS: nobody,
    SHOP_INVENTORY_ADDRESS: nobody,
    SHOP_ORDER_ADDRESS: nobody,
    SHOP_PAYMENT_ADDRESS: nobody,
    SHOP_SHIPPING_ADDRESS: nobody,
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await expect
      .poll(() => call(url, "GET /healthz").catch(() => undefined), { timeout: 60_000 })
      .toMatchObject({ status: 200 });
    const stranger = await call(url, "GET /v1/users/me", { headers: { authorization: "Bearer a.b.c" } });
    expect([stranger.status, stranger.headers["www-authenticate"]]).toEqual([401, 'Bearer error="invalid_token"']);
    const authorization = `Bearer ${await identity.tokenFor("ada")}`;
    const me = await call(url, "GET /v1/users/me", { headers: { authorization } });
    expect([me.status, me.json()]).toEqual([200, expect.objectContaining({ id: "ada", displayName: "", roles: [] })]);
    const keys = await call(url, "GET /.well-known/jwks.json");
    expect(keys.json()).toMatchObject({ keys: [{ kty: "OKP", crv: "Ed25519" }] });
    const ready = await call(url, "GET /readyz");
    expect([ready.status, ready.text]).toEqual([503, expect.stringContaining("shop.order.v1.OrderService")]);
    expect(ready.text).not.toContain("IdentityService");
  } finally {
    gateway.child.kill("SIGTERM");
  }
  expect(await gateway.exit).toBe(0);
});

test("several workers share the port, and end together", async () => {
  const port = await freePort();
  const gateway = startGateway({
    GATEWAY_PORT: String(port),
    GATEWAY_WORKERS: "2",
    HEDDLE_TLS: "off",
    LOG_LEVEL: "info",
  });
  let said = "";
  gateway.child.stdout.on("data", (data) => {
    said += data;
  });
  try {
    await expect.poll(() => said, { timeout: 60_000 }).toContain("all workers have started");
    expect((await call(`http://127.0.0.1:${port}`, "GET /healthz")).status).toBe(200);
    for (const worker of [1, 2])
      await expect.poll(() => said).toMatch(new RegExp(`"worker":${worker},.*"msg":"listening"`));
  } finally {
    gateway.child.kill("SIGTERM");
  }
  expect(await gateway.exit).toBe(0);
});

test("a wrong environment stops the start with what is wrong, and no stack trace", async () => {
  const { child, exit } = startGateway({ GATEWAY_PORT: "80x", SHOP_ORDER_ADDRESS: "" });
  let said = "";
  child.stderr.on("data", (data) => {
    said += data;
  });
  expect(await exit).toBe(1);
  expect(said).toContain("GATEWAY_PORT");
  expect(said).not.toContain("    at ");
});

test("the configuration has its documented defaults", () => {
  const config = readGatewayConfig({ HEDDLE_MESH_SECRET: secret });
  expect(config).toMatchObject({
    host: "127.0.0.1",
    port: 8080,
    corsOrigins: [],
    maxBodyBytes: 4_194_304,
    docs: true,
    drainDelayMs: 0,
    drainTimeoutMs: 10_000,
  });
  const own = readGatewayConfig({
    HEDDLE_MESH_SECRET: secret,
    GATEWAY_CORS_ORIGINS: "https://a.example, http://b.example:1",
  });
  expect(own.corsOrigins).toEqual(["https://a.example", "http://b.example:1"]);
  const bad = { HEDDLE_MESH_SECRET: secret, GATEWAY_CORS_ORIGINS: "a.example" };
  expect(() => readGatewayConfig(bad)).toThrow("GATEWAY_CORS_ORIGINS");
});

function startGateway(env: Record<string, string>) {
  const child = spawn(process.execPath, [main], {
    env: { HEDDLE_MESH_SECRET: secret, LOG_LEVEL: "warn", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.resume();
  return { child, exit: once(child, "close").then(([code]) => code) };
}

async function startIdentity(authority: TestAuthority) {
  const certificates = await authority.slot("spiffe://heddle.local/platform/identity");
  const { publicKey, privateKey } = await generateKeyPair("EdDSA");
  const jwk = await exportJWK(publicKey);
  const key = { kty: jwk.kty ?? "", crv: jwk.crv ?? "", x: jwk.x ?? "", kid: "one", alg: "EdDSA", use: "sig" };
  const refuse: AnyRpcHandler = () => Promise.reject(new Error("not part of this test"));
  const getUser: AnyRpcHandler = async (_: never, context: RpcContext) => ({ user: { id: requireUser(context).id } });
  const identityHandlers = Object.fromEntries(IdentityService.methods.map(({ localName }) => [localName, refuse]));
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    contract: readContract({ services: [IdentityService, JsonWebKeyService], events }),
    services: [
      { service: IdentityService, handlers: { ...identityHandlers, getUser } },
      { service: JsonWebKeyService, handlers: { listJsonWebKeys: async () => ({ keys: [key] }) } },
    ],
    tokens: accessTokenVerifier({ keys: async () => ({ keys: [key] }) }),
    identity: certificateIdentity("platform.identity", { certificates, trustDomain: "heddle.local" }),
    log: silentLogger(),
  });
  await server.start();
  const token = (id: string) =>
    new SignJWT({ roles: ["customer"] }).setProtectedHeader({ alg: "EdDSA", kid: "one" }).setSubject(id);
  return {
    address: server.address,
    tokenFor: (id: string) =>
      token(id).setIssuer("heddle").setAudience("heddle").setExpirationTime("5m").sign(privateKey),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
