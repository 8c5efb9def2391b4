import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import {
  ConfigurationError,
  readEnvironment,
  readMeshSecret,
  readSecurity,
  readServiceConfig,
  readTrust,
  variable,
} from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "heddle-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function faultsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
  throw new Error("no fault");
}

test("values are typed, defaults apply, an empty variable counts as not set", () => {
  const read = readEnvironment(
    {
      PORT: variable.port(8080),
      WAIT: variable.durationMs(10),
      OTHER_WAIT: variable.durationMs(1_500),
      NAME: variable.text("x"),
      ON: variable.flag(false),
      LEVEL: variable.oneOf(["a", "b"], "a"),
    },
    { PORT: "0", WAIT: "2m", NAME: "", ON: "Yes", LEVEL: "b" },
  );
  expect(read).toEqual({ PORT: 0, WAIT: 120_000, OTHER_WAIT: 1_500, NAME: "x", ON: true, LEVEL: "b" });
  expect(Object.isFrozen(read)).toBe(true);
});

test("every fault is listed, secrets are not repeated", () => {
  const shape = {
    PORT: variable.port(1),
    COUNT: variable.wholeNumber(1, { min: 1, max: 9 }),
    WAIT: variable.durationMs(1),
    ON: variable.flag(true),
    LEVEL: variable.oneOf(["a", "b"], "a"),
    DATABASE: variable.url(),
    NAME: variable.text().describe("who we are"),
  };
  const env = { PORT: "70000", COUNT: "1.5", WAIT: "soon", ON: "maybe", LEVEL: "c", DATABASE: "secret" };
  expect(faultsOf(() => readEnvironment(shape, env))).toEqual([
    'PORT must be a whole number from 0 to 65535, but is "70000"',
    'COUNT must be a whole number from 1 to 9, but is "1.5"',
    'WAIT must be a duration such as "1500ms", "10s" or "5m", but is "soon"',
    'ON must be true or false, but is "maybe"',
    'LEVEL must be one of a, b, but is "c"',
    "DATABASE must be a URL such as scheme://host:port/path",
    "NAME is not set (who we are)",
  ]);
});

test("_FILE reads the value from a file", () => {
  const file = join(folder, "value");
  writeFileSync(file, "from file\n");
  expect(readEnvironment({ A: variable.text() }, { A_FILE: file })).toEqual({ A: "from file" });
  expect(faultsOf(() => readEnvironment({ A: variable.text() }, { A: "x", A_FILE: file }))).toEqual([
    "A and A_FILE are both set: keep one",
  ]);
  const missing = faultsOf(() => readEnvironment({ A: variable.text() }, { A_FILE: join(folder, "none") }));
  expect(missing[0]).toMatch(/^A_FILE cannot be read: ENOENT/);
});

test("the mesh secret is made once, for its owner only", () => {
  const home = join(folder, "data");
  const secret = readMeshSecret(home);
  expect(secret.length).toBeGreaterThanOrEqual(43);
  expect(readMeshSecret(home)).toBe(secret);
  expect(statSync(join(home, "mesh-secret")).mode & 0o777).toBe(0o600);
});

test("a mesh secret that cannot be made is a clear fault", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  expect(() => readMeshSecret(file)).toThrow(/HEDDLE_MESH_SECRET is not set/);
});

test("a service's configuration follows the environment", () => {
  const env = { HEDDLE_IDENTITY_PORT: "4000", HEDDLE_MESH_SECRET: "s".repeat(32), HEDDLE_IDENTITY_ADDRESS: "id:50051" };
  expect(readServiceConfig(JsonWebKeyService, { ...env, HEDDLE_CHANNEL: "grpc-js" }).channel).toBe("grpc-js");
  const config = readServiceConfig(JsonWebKeyService, env);
  expect(config).toMatchObject({ host: "127.0.0.1", port: 4000, databasePrefix: "", logFormat: "json", poolSize: 10 });
  expect(config.channel).toBe("mesh");
  expect(config.addressOf(JsonWebKeyService)).toBe("id:50051");
});

test("a service's faults are listed with their variables", () => {
  const env = {
    HEDDLE_IDENTITY_PORT: "x",
    HEDDLE_MESH_SECRET: "short",
    NATS_URL: "nats://a:1,b",
    HEDDLE_DATABASE_PREFIX: "No-",
  };
  const names = faultsOf(() => readServiceConfig(JsonWebKeyService, env)).map((fault) => fault.split(" ")[0]);
  expect(names).toEqual(["HEDDLE_DATABASE_PREFIX", "NATS_URL", "HEDDLE_MESH_SECRET", "HEDDLE_IDENTITY_PORT"]);
});

test("faults are read, a wrong plan is told, and production refuses to fail on purpose", () => {
  const env = { HEDDLE_MESH_SECRET: "s".repeat(32), HEDDLE_FAULTS: "relay.published=crash@3" };
  const read = (more: NodeJS.ProcessEnv) => readServiceConfig(JsonWebKeyService, { ...env, ...more });
  expect(read({}).faults?.rules).toMatchObject([{ point: "relay.published", action: "crash", passing: 3 }]);
  expect(read({ HEDDLE_FAULTS: "" }).faults).toBeUndefined();
  expect(faultsOf(() => read({ HEDDLE_FAULTS: "relay.gone=crash" }))).toMatchObject([
    expect.stringMatching(/^HEDDLE_FAULTS has "relay.gone=crash", which names none/),
  ]);
  expect(faultsOf(() => read({ NODE_ENV: "production" }))).toEqual([
    "HEDDLE_FAULTS is set, but NODE_ENV is production: unset one of them",
  ]);
  expect(read({ NODE_ENV: "production", HEDDLE_FAULTS: "" }).faults).toBeUndefined();
});

test("processes know each other by certificates unless told otherwise", () => {
  const secret = "s".repeat(32);
  const read = (env: NodeJS.ProcessEnv) => readSecurity({ HEDDLE_DATA: folder, HEDDLE_MESH_SECRET: secret, ...env });
  const trustDomain = "heddle.local";
  expect(read({})).toEqual({ kind: "development", trustDomain, folder: join(folder, "identity") });
  const files = { HEDDLE_TLS_CERT: "a.crt", HEDDLE_TLS_KEY: "a.key", HEDDLE_TLS_CA: "ca.crt" };
  expect(read({ ...files, HEDDLE_TRUST_DOMAIN: "shop.example" })).toEqual({
    kind: "files",
    trustDomain: "shop.example",
    files: { certificate: "a.crt", key: "a.key", authorities: "ca.crt" },
  });
  expect(read({ HEDDLE_TLS: "off" })).toEqual({ kind: "plaintext", secret });
  expect(() => read({ ...files, HEDDLE_TLS: "off" })).toThrow("choose one");
  expect(() => read({ HEDDLE_TLS_CERT: "a.crt" })).toThrow("set all or none");
  expect(() => read({ HEDDLE_TRUST_DOMAIN: "Shop/" })).toThrow("HEDDLE_TRUST_DOMAIN");
});

test("who is no service needs the authorities only", () => {
  const trustDomain = "heddle.local";
  const made = join(folder, "identity", "ca.crt");
  expect(readTrust({ HEDDLE_DATA: folder })).toEqual({ trustDomain, authorities: made });
  expect(readTrust({ HEDDLE_TLS_CA: "ca.crt" })).toEqual({ trustDomain, authorities: "ca.crt" });
  expect(readTrust({ HEDDLE_TLS: "off" })).toBeUndefined();
});

test.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])("plain text may be spoken at %s", (host) => {
  const env = { HEDDLE_TLS: "off", HEDDLE_MESH_SECRET: "s".repeat(32), HEDDLE_HOST: host };
  const at = host.includes(":") ? `[${host}]:1` : `${host}:1`;
  const config = readServiceConfig(JsonWebKeyService, { ...env, HEDDLE_IDENTITY_ADDRESS: at });
  expect([config.host, config.addressOf(JsonWebKeyService)]).toEqual([host, at]);
});

test.each(["0.0.0.0", "::", "10.0.0.1", "shop.example", "127.0.0.1.example"])(
  "plain text never leaves the machine by %s",
  (host) => {
    const env = { HEDDLE_TLS: "off", HEDDLE_MESH_SECRET: "s".repeat(32) };
    const listening = () => readServiceConfig(JsonWebKeyService, { ...env, HEDDLE_HOST: host });
    expect(listening).toThrow("HEDDLE_HOST");
    const at = host.includes(":") ? `[${host}]:1` : `${host}:1`;
    expect(() => readServiceConfig(JsonWebKeyService, { ...env, HEDDLE_ADVERTISE: at })).toThrow("HEDDLE_ADVERTISE");
    for (const target of [at, `127.0.0.1:1,${at}`, `dns:///${at}`]) {
      const config = readServiceConfig(JsonWebKeyService, { ...env, HEDDLE_IDENTITY_ADDRESS: target });
      expect(() => config.addressOf(JsonWebKeyService)).toThrow("HEDDLE_IDENTITY_ADDRESS");
    }
  },
);

test("a contract is served by the service of its package, and the mesh's own by whom one says", () => {
  const env = { HEDDLE_MESH_SECRET: "s".repeat(32) };
  expect(readServiceConfig(JsonWebKeyService, env).serverOf(JsonWebKeyService)).toBe("platform.identity");
  const own = readServiceConfig(JsonWebKeyService, { ...env, HEDDLE_IDENTITY_SERVICE: "acme.login" });
  expect(own.serverOf(JsonWebKeyService)).toBe("acme.login");
});

test("an address that says nothing is refused", () => {
  const env = { HEDDLE_MESH_SECRET: "s".repeat(32), HEDDLE_IDENTITY_ADDRESS: "http://id" };
  const config = readServiceConfig(JsonWebKeyService, env);
  expect(() => config.addressOf(JsonWebKeyService)).toThrow('HEDDLE_IDENTITY_ADDRESS must be one of: "host:port"');
});
