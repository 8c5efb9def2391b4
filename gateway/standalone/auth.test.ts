import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ServerCredentials } from "@grpc/grpc-js";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { expect, test } from "vitest";
import { CERTIFICATES } from "#mesh/testing";
import { call } from "../library.fixture.ts";
import { buildImage } from "./image.fixture.ts";
import { startStandalone, temporaryFolder } from "./standalone.fixture.ts";
import { usersFiles } from "./users.fixture.ts";
import { startUsersServer } from "./users-server.fixture.ts";

const image = buildImage(usersFiles);

test.each(["jwks", "issuer"])(
  "tokens of an OpenID issuer are checked with its keys, found by its %s",
  async (found) => {
    using files = temporaryFolder();
    await using issuer = await startIssuer();
    const seen: unknown[] = [];
    using server = await startUsersServer({
      async getUser(id, metadata) {
        seen.push(metadata.get("authorization"));
        return { id };
      },
    });
    const users = { address: server.address, descriptors: files.write("image.binpb", image) };
    const auth = {
      audience: ["api", "app"],
      public: ["acme.users.v1.Users.Plain"],
      issuer: issuer.url,
      ...(found === "jwks" && { jwks: `${issuer.url}/keys` }),
    };
    await using gateway = await startStandalone(() => ({ upstreams: { users }, auth }));
    const get = async (token?: string) => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const { status, headers: answered } = await call(gateway.url, "GET /v1/users/7", { headers });
      return [status, answered["www-authenticate"]?.split(",")[0]];
    };
    expect(await get()).toEqual([401, "Bearer"]);
    const good = await issuer.token({ aud: "app" });
    expect(await get(good)).toEqual([200, undefined]);
    expect(seen).toEqual([[`Bearer ${good}`]]);
    const bad = [401, expect.stringContaining("invalid_token")];
    expect(await get(await issuer.token({ aud: "other" }))).toEqual(bad);
    expect(await get(await issuer.token({ iss: "https://elsewhere.example" }))).toEqual(bad);
    expect(await get(await issuer.token({ expires: "-1m" }))).toEqual(bad);
    expect(await get(`${good.slice(0, -8)}AAAAAAAA`)).toEqual(bad);
    const open = await call(gateway.url, "POST /acme.users.v1.Users/Plain", { body: "{}" });
    expect(open.status).toBe(200);
    expect(gateway.logged("no auth is set up: every method is open to whoever can reach the gateway")).toEqual([]);
  },
);

test("a page of a listed origin may call, and no other", async () => {
  using files = temporaryFolder();
  using server = await startUsersServer();
  const users = { address: server.address, descriptors: files.write("image.binpb", image) };
  await using gateway = await startStandalone(() => ({
    upstreams: { users },
    cors: { origins: ["https://a.example"] },
  }));
  const from = async (origin: string) =>
    (await call(gateway.url, "GET /v1/users/7", { headers: { origin } })).headers["access-control-allow-origin"];
  expect([await from("https://a.example"), await from("https://b.example")]).toEqual(["https://a.example", undefined]);
});

test("TLS to the server: it proves its name, and is shown the gateway's certificate", async () => {
  using files = temporaryFolder();
  const { ca, first, second } = CERTIFICATES;
  const pairs = [{ cert_chain: Buffer.from(first.cert), private_key: Buffer.from(first.key) }];
  using server = await startUsersServer({ credentials: ServerCredentials.createSsl(Buffer.from(ca), pairs, true) });
  const pem = {
    ca: files.write("ca.pem", ca),
    cert: files.write("own.pem", second.cert),
    key: files.write("own.key", second.key),
  };
  const start = (tls: object) =>
    startStandalone(() => ({
      upstreams: { users: { address: server.address, reflect: true, tls } },
      limits: { reflection: "0s" },
    }));
  await using gateway = await start({ ...pem, server_name: "order.test" });
  const answer = await call(gateway.url, "POST /acme.users.v1.Users/Plain", { body: '{"id":"7"}' });
  expect(answer.json()).toMatchObject({ name: "user 7" });
  await expect(start({ ...pem, server_name: "other.test" })).rejects.toThrow(/other.test/);
  await expect(start({ ca: pem.ca, server_name: "order.test" })).rejects.toThrow("reflection cannot be read");
  await expect(start({ cert: pem.cert, key: pem.key, server_name: "order.test" })).rejects.toThrow("cannot be read");
});

/** An issuer with an RSA key, its OpenID configuration and its key set. */
async function startIssuer() {
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const keys = [{ ...(await exportJWK(publicKey)), kid: "one", alg: "RS256", use: "sig" }];
  const server = createServer(({ url: path }, response) => {
    const known: Record<string, object> = {
      "/keys": { keys },
      "/.well-known/openid-configuration": { issuer: url, jwks_uri: `${url}/keys` },
    };
    const found = known[path ?? ""];
    response.writeHead(found ? 200 : 404).end(JSON.stringify(found ?? {}));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    token: ({ aud = "api", iss = url, expires = "5m" }) =>
      new SignJWT({})
        .setProtectedHeader({ alg: "RS256", kid: "one" })
        .setSubject("ada")
        .setIssuer(iss)
        .setAudience(aud)
        .setExpirationTime(expires)
        .sign(privateKey),
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
