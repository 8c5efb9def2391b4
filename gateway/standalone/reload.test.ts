import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { expect, test } from "vitest";
import { freePort } from "#mesh/testing";
import { call } from "../library.fixture.ts";
import { buildImage } from "./image.fixture.ts";
import { startStandalone, temporaryFolder } from "./standalone.fixture.ts";
import { usersFiles } from "./users.fixture.ts";
import { startUsersServer } from "./users-server.fixture.ts";

const refused = "the new contracts are refused, and those before stay";
const image = buildImage(usersFiles);
const moved = buildImage(rules({ "/v1/users/{id}": "/v2/users/{id}" }));

/** The contracts with other HTTP rules. */
function rules(changes: Readonly<Record<string, string>>): Record<string, string> {
  const [users, text] = ["acme/users/v1/users.proto", usersFiles["acme/users/v1/users.proto"]];
  const changed = Object.entries(changes).reduce((all, [from, to]) => all.replaceAll(`"${from}`, `"${to}`), text);
  return { ...usersFiles, [users]: changed };
}

test("a changed image is served, and a stream that runs ends by the one it began with", async () => {
  using files = temporaryFolder();
  const rest = Promise.withResolvers<void>();
  using server = await startUsersServer({
    async *watchUser(id) {
      yield { id, name: "before" };
      await rest.promise;
      yield { id, name: "after" };
    },
  });
  const users = { address: server.address, descriptors: files.write("image.binpb", image) };
  await using gateway = await startStandalone(() => ({ upstreams: { users } }));
  const stream = await openStream(`${gateway.url}/v1/users/7:watch`);
  const parts = stream[Symbol.asyncIterator]();
  const first = await parts.next();
  files.write("image.binpb", moved);
  await expect.poll(async () => (await call(gateway.url, "GET /v2/users/7")).status).toBe(200);
  expect((await call(gateway.url, "GET /v1/users/7")).status).toBe(404);
  rest.resolve();
  const second = await parts.next();
  expect([String(first.value), String(second.value), (await parts.next()).done, stream.complete]).toEqual([
    expect.stringContaining("before"),
    expect.stringContaining("after"),
    ...[true, true],
  ]);
});

test("no request of a storm fails while contracts are exchanged 50 times", async () => {
  using files = temporaryFolder();
  using server = await startUsersServer();
  const users = { address: server.address, descriptors: files.write("image.binpb", image) };
  await using gateway = await startStandalone(() => ({ upstreams: { users } }), { watchEveryMs: 3_600_000 });
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const statuses = new Map<number, number>();
  let storming = true;
  const storm = Array.from({ length: 8 }, async () => {
    while (storming) {
      const status = await statusOf(`${gateway.url}/v1/users/7`, agent);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  for (let i = 0; i < 50; i++) await gateway.gateway.reload("the test asks for it");
  storming = false;
  await Promise.all(storm);
  agent.destroy();
  expect([...statuses.keys()]).toEqual([200]);
  expect(statuses.get(200)).toBeGreaterThan(50);
  expect(gateway.logged("serving other contracts")).toHaveLength(50);
});

test("what cannot be served is refused with every fault, and what was served stays", async () => {
  using files = temporaryFolder();
  using server = await startUsersServer();
  const users = { address: server.address, descriptors: files.write("image.binpb", image) };
  let more: object = {};
  await using gateway = await startStandalone(() => ({ upstreams: { users }, ...more }));
  const faultsOf = async (change: () => void) => {
    const before = gateway.logged(refused).length;
    change();
    await expect.poll(() => gateway.logged(refused).length).toBeGreaterThan(before);
    expect((await call(gateway.url, "GET /v1/users/7")).status).toBe(200);
    return String(gateway.logged(refused).at(-1)?.faults);
  };
  expect(await faultsOf(() => files.write("image.binpb", image.subarray(0, 100)))).toContain("no FileDescriptorSet");
  const twoFaults = rules({ "/v1/users/{id}": "/v1/users/{idd}", '/v1/users"': 'users"' });
  const faults = await faultsOf(() => files.write("image.binpb", buildImage(twoFaults)));
  expect(faults).toContain('no field "idd"');
  expect(faults).toContain('path "users"');
  more = { limits: { deadline: "soon" }, http: { rules: [{}] } };
  const wrong = await faultsOf(() => void gateway.gateway.hangup?.());
  expect(wrong).toContain("limits.deadline: must be a duration");
  expect(wrong).toContain("http.rules[0]: has no selector");
  more = {};
  files.write("image.binpb", moved);
  await expect.poll(async () => (await call(gateway.url, "GET /v2/users/7")).status).toBe(200);
});

test("a gateway that reflects asks again at SIGHUP, and keeps what it has while the server is away", async () => {
  const port = await freePort();
  await using gateway = await (async () => {
    using _server = await startUsersServer({ port, files: rules({}) });
    return await startStandalone(() => ({
      upstreams: { users: { address: `127.0.0.1:${port}`, reflect: true } },
      http: { rules: [{ selector: "acme.users.v1.Users.GetUser", get: "/users/{id}" }] },
    }));
  })();
  const invite = "POST /acme.users.v1.Users/Invite";
  expect((await call(gateway.url, invite, { body: "{}" })).status).toBe(404);
  const withInvite = usersFiles["acme/users/v1/users.proto"].replace(
    "rpc Plain",
    "rpc Invite(GetUserRequest) returns (User); rpc Plain",
  );
  using _server = await startUsersServer({ port, files: { ...usersFiles, "acme/users/v1/users.proto": withInvite } });
  gateway.gateway.hangup?.();
  // The server has no such method yet: it is its own word that arrives.
  await expect.poll(async () => (await call(gateway.url, invite, { body: "{}" })).status).toBe(501);
  expect(gateway.logged("serving other contracts")).toHaveLength(1);
});

test("what needs a restart is said", async () => {
  using files = temporaryFolder();
  using server = await startUsersServer();
  const users = { address: server.address, descriptors: files.write("image.binpb", image) };
  let stop: object = {};
  await using gateway = await startStandalone(() => ({ upstreams: { users }, stop }));
  stop = { timeout: "1s" };
  await gateway.gateway.reload("the test asks for it");
  expect(gateway.logged("a part of the configuration has changed that needs a restart")).toMatchObject([
    { changed: ["stop"] },
  ]);
});

async function openStream(url: string): Promise<IncomingMessage> {
  const asked = request(url, { agent: false });
  asked.end();
  const [response] = await once(asked, "response");
  return response;
}

async function statusOf(url: string, agent: Agent): Promise<number> {
  const asked = request(url, { agent });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  return response.statusCode ?? 0;
}
