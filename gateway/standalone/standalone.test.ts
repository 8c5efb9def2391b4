import { createFileRegistry, type DescService, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { freePort } from "#mesh/testing";
import { call, startLibrary } from "../library.fixture.ts";
import { buildImage } from "./image.fixture.ts";
import { startStandalone, temporaryFolder } from "./standalone.fixture.ts";
import { usersFiles } from "./users.fixture.ts";
import { startUsersServer } from "./users-server.fixture.ts";

const image = buildImage(usersFiles);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));

test.each([["an image"], ["reflection"]])("REST in front of a server of plain grpc-js, by %s", async (how) => {
  using files = temporaryFolder();
  using server = await startUsersServer();
  const byImage = how === "an image";
  const from = byImage ? { descriptors: files.write("image.binpb", image) } : { reflect: true };
  // protobufjs forgets the HTTP rules: the reflection of such a server has none.
  const rules = byImage ? [] : [{ selector: "acme.users.v1.Users.GetUser", get: "/v1/users/{id}" }];
  await using gateway = await startStandalone(() => ({
    upstreams: { users: { address: server.address, ...from } },
    http: { rules },
  }));
  const user = await call(gateway.url, "GET /v1/users/7");
  expect([user.status, user.json()]).toEqual([200, { id: "7", name: "user 7", visits: "9007199254740993" }]);
  const missing = await call(gateway.url, "GET /v1/users/missing");
  expect([missing.status, missing.json()]).toEqual([
    404,
    {
      code: 5,
      message: "no missing",
      details: [expect.objectContaining({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "USER_GONE" })],
    },
  ]);
  expect((await call(gateway.url, "GET /readyz")).status).toBe(200);
});

test("the API is described with the comments of the image, unless docs are off", async () => {
  using files = temporaryFolder();
  using server = await startUsersServer();
  const users = { address: server.address, descriptors: files.write("image.binpb", image) };
  let docs: unknown = { title: "Acme" };
  await using gateway = await startStandalone(() => ({ upstreams: { users }, docs }));
  const description = (await call(gateway.url, "GET /openapi.json")).json();
  expect(description).toMatchObject({
    info: { title: "Acme" },
    paths: { "/v1/users/{id}": { get: expect.anything() } },
  });
  expect(JSON.stringify(description)).toContain("Somebody.");
  docs = false;
  await gateway.gateway.reload("the test asks for it");
  expect((await call(gateway.url, "GET /openapi.json")).status).toBe(404);
});

test("every kind of rpc works by Connect and gRPC-Web, with HTTP rules or without", async () => {
  using files = temporaryFolder();
  using server = await startUsersServer();
  const users = { address: server.address, descriptors: files.write("image.binpb", image) };
  await using gateway = await startStandalone(() => ({ upstreams: { users } }));
  const at = { baseUrl: gateway.url, httpVersion: "1.1" } as const;
  for (const transport of [createConnectTransport({ ...at, useHttpGet: true }), createGrpcWebTransport(at)]) {
    const client = clientOf(transport);
    expect(await client.plain({ id: "7" })).toMatchObject({ name: "user 7" });
    expect(await client.getUser({ id: "7" })).toMatchObject({ visits: 9007199254740993n });
    expect(await Array.fromAsync(client.watchUser({ id: "7" }))).toMatchObject([{ name: "first" }, { name: "second" }]);
    expect(await client.countUsers(several())).toMatchObject({ visits: 2n });
    const error = await client.plain({ id: "missing" }).catch((thrown: ConnectError) => thrown);
    expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "no missing" });
    expect((error as ConnectError).findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "USER_GONE" }]);
  }
  expect(gateway.logged("serving")).toMatchObject([
    {
      services: ["acme.users.v1.Users"],
      routes: 3,
      withoutRest: ["acme.users.v1.Users/CountUsers", "acme.users.v1.Users/Chat", "acme.users.v1.Users/Plain"],
    },
  ]);
  expect(gateway.logged("no auth is set up: every method is open to whoever can reach the gateway")).toHaveLength(1);
});

test("an Any may hold a message that no method names, in requests and answers", async () => {
  using files = temporaryFolder();
  using server = await startUsersServer();
  const users = { address: server.address, descriptors: files.write("image.binpb", image) };
  await using gateway = await startStandalone(() => ({ upstreams: { users } }));
  const extra = { "@type": "type.googleapis.com/acme.users.v1.Badge", label: "gold" };
  const answer = await call(gateway.url, "POST /v1/users", { body: JSON.stringify({ id: "1", extra }) });
  expect([answer.status, answer.json()]).toEqual([200, { id: "1", name: "", visits: "0", extra }]);
});

test("rules of the setup win over annotations, the last one over all; without a path they take the REST form away", async () => {
  using files = temporaryFolder();
  using server = await startUsersServer();
  const users = { address: server.address, descriptors: files.write("image.binpb", image) };
  const rules = [
    { selector: "*", get: "/all" },
    { selector: "acme.users.v1.Users.*" },
    { selector: "acme.users.v1.Users.GetUser", get: "/old/{id}" },
    { selector: "acme.users.v1.Users.GetUser", get: "/people/{id}", additional_bindings: [{ get: "/persons/{id}" }] },
  ];
  await using gateway = await startStandalone(() => ({ upstreams: { users }, http: { rules } }));
  for (const [path, status] of Object.entries({
    "/people/7": 200,
    "/persons/7": 200,
    "/old/7": 404,
    "/v1/users/7": 404,
  })) {
    expect([path, (await call(gateway.url, `GET ${path}`)).status]).toEqual([path, status]);
  }
  expect(gateway.logged("serving")).toMatchObject([{ routes: 2 }]);
});

test("what cannot be served stops the start, with every fault of every upstream", async () => {
  using files = temporaryFolder();
  using server = await startUsersServer({ reflection: false });
  const start = (values: object) => startStandalone(() => values);
  const bad = files.write("bad.binpb", "no image");
  const both = start({
    upstreams: {
      a: { address: "127.0.0.1:1", descriptors: bad },
      b: { address: server.address, reflect: true },
    },
  });
  await expect(both).rejects.toThrow(/bad.binpb cannot be served:\n.*\nb \(127.*\n.*it has no reflection/);
  const good = files.write("good.binpb", image);
  const a = { address: "127.0.0.1:1", descriptors: good };
  const twice = start({ upstreams: { a, b: { ...a, address: "127.0.0.1:2" } } });
  await expect(twice).rejects.toThrow("acme.users.v1.Users is served by upstreams a and b");
  const rule = (selector: string, get: string) => start({ upstreams: { a }, http: { rules: [{ selector, get }] } });
  await expect(rule("acme.users.v1.Users.GetUsr", "/x")).rejects.toThrow('did you mean "acme.users.v1.Users.GetUser"?');
  await expect(rule("acme.users.v1.Users.GetUser", "/x/{nothing}")).rejects.toThrow('no field "nothing"');
  const tls = start({ upstreams: { a: { ...a, tls: { ca: bad } } } });
  await expect(tls).rejects.toThrow(/upstreams.a.tls: .*bad.binpb/);
  const silent = start({
    upstreams: { a: { address: "127.0.0.1:1", reflect: true } },
    limits: { reflection: "0s" },
  });
  await expect(silent).rejects.toThrow(/a \(127.0.0.1:1\) cannot be served:\n.*reflection cannot be read: Unavailable/);
});

test("a server that starts later than the gateway is waited for", async () => {
  const port = await freePort();
  const starting = startStandalone(() => ({ upstreams: { users: { address: `127.0.0.1:${port}`, reflect: true } } }));
  using _server = await startUsersServer({ port });
  await using gateway = await starting;
  const answer = await call(gateway.url, "POST /acme.users.v1.Users/Plain", { body: '{"id":"7"}' });
  expect(answer.json()).toMatchObject({ name: "user 7" });
});

function clientOf(transport: Transport) {
  return createClient(registry.getService("acme.users.v1.Users") as DescService, transport) as unknown as {
    getUser(request: object): Promise<object>;
    plain(request: object): Promise<object>;
    watchUser(request: object): AsyncIterable<object>;
    countUsers(requests: AsyncIterable<object>): Promise<object>;
  };
}

async function* several(): AsyncIterable<object> {
  yield { id: "1" };
  yield { id: "2" };
}

test("health that is named is the server's, not the gateway's own", async () => {
  await using library = await startLibrary();
  const upstream = { address: library.server.address, reflect: true, services: ["grpc.health.v1.Health"] };
  await using gateway = await startStandalone(() => ({ upstreams: { library: upstream } }));
  const check = () => call(gateway.url, "POST /grpc.health.v1.Health/Check", { body: "{}" });
  expect((await check()).json()).toEqual({ status: "SERVING" });
  library.server.setServing(false);
  expect((await check()).json()).toEqual({ status: "NOT_SERVING" });
  expect((await call(gateway.url, "GET /readyz")).status).toBe(503);
  const unknown = await call(gateway.url, "POST /grpc.health.v1.Health/Check", { body: '{"service":"nothing"}' });
  expect([unknown.status, unknown.json()]).toMatchObject([404, { code: "not_found" }]);
});
