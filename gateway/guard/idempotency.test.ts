import { Code, ConnectError } from "@connectrpc/connect";
import postgres from "postgres";
import { expect, test } from "vitest";
import { freePort, testDatabases, testPostgresUrl } from "#mesh/testing";
import { call, testConfig } from "../library.fixture.ts";
import { startDesk, startGateway } from "./desk.fixture.ts";
import { createRelay } from "./relay.fixture.ts";

const ada = { authorization: "Bearer ada:customer" };
const bob = { authorization: "Bearer bob:customer" };
const { guard } = testConfig();
const key = (text: string) => ({ "idempotency-key": text });

/** A desk that counts how often it was asked to write. */
async function countingDesk(write: (n: number) => Promise<object> = async (n) => ({ id: `n${n}` })) {
  const counted = { calls: 0 };
  const desk = await startDesk(async (request) => ({ ...request, ...(await write(++counted.calls)) }));
  return Object.assign(desk, counted, { calls: () => counted.calls });
}

function write(url: string, headers: Record<string, string>, body = '{"text":"hello"}') {
  return call(url, "POST /v1/notes", { headers: { ...ada, ...headers }, body });
}

test("the same request with the same key has its effect once, and its first answer again", async () => {
  await using desk = await countingDesk();
  await using edge = await startGateway(desk.address);
  const first = await write(edge.url, key('"one"'));
  const again = await write(edge.url, key("one"));
  expect([first.status, first.json()]).toEqual([200, { id: "n1", text: "hello" }]);
  expect([again.status, again.text]).toEqual([first.status, first.text]);
  expect(again.headers["content-type"]).toBe(first.headers["content-type"]);
  expect([first.headers["idempotent-replayed"], again.headers["idempotent-replayed"]]).toEqual([undefined, "true"]);
  expect(again.headers["x-request-id"]).not.toBe(first.headers["x-request-id"]);
  expect(desk.calls()).toBe(1);
  expect((await write(edge.url, key("two"))).json()).toMatchObject({ id: "n2" });
});

test("a unary call of Connect with a key has its effect once, and its first answer again", async () => {
  await using desk = await countingDesk();
  await using edge = await startGateway(desk.address);
  const connect = (text: string) =>
    call(edge.url, "POST /test.desk.v1.Desk/WriteNote", { headers: { ...ada, ...key("one") }, body: text });
  const [first, again] = [await connect('{"text":"hello"}'), await connect('{"text":"hello"}')];
  expect([first.status, first.json(), again.text]).toEqual([200, { id: "n1", text: "hello" }, first.text]);
  expect(again.headers["idempotent-replayed"]).toBe("true");
  const other = await connect('{"text":"goodbye"}');
  // Connect ties the status to the code.
  expect([other.status, other.json()]).toMatchObject([400, { code: "invalid_argument" }]);
  expect(desk.calls()).toBe(1);
});

test("a key belongs to one request of one user", async () => {
  await using desk = await countingDesk();
  await using edge = await startGateway(desk.address);
  await write(edge.url, key("one"));
  const other = await write(edge.url, key("one"), '{"text":"goodbye"}');
  expect([other.status, other.json()]).toMatchObject([422, { code: Code.InvalidArgument }]);
  const elsewhere = { headers: { ...ada, ...key("one") }, body: '{"text":"hello"}' };
  expect((await call(edge.url, "POST /v1/enter", elsewhere)).status).toBe(422);
  expect((await write(edge.url, { ...bob, ...key("one") }, '{"text":"goodbye"}')).status).toBe(200);
  expect(desk.calls()).toBe(2);
});

test("a second request waits its turn while the first is under way", async () => {
  const go = Promise.withResolvers<void>();
  const called = Promise.withResolvers<void>();
  await using desk = await countingDesk(async () => {
    called.resolve();
    await go.promise;
    return {};
  });
  await using edge = await startGateway(desk.address);
  const first = write(edge.url, key("one"));
  await called.promise;
  const second = await write(edge.url, key("one"));
  expect([second.status, second.headers["retry-after"], second.json()]).toMatchObject([409, "1", { code: 10 }]);
  go.resolve();
  expect((await first).status).toBe(200);
  expect((await write(edge.url, key("one"))).headers["idempotent-replayed"]).toBe("true");
  expect(desk.calls()).toBe(1);
});

test("a client that loses its connection gets the answer when it comes back", async () => {
  const go = Promise.withResolvers<void>();
  const called = Promise.withResolvers<void>();
  const leaving = new AbortController();
  let aborted: (() => boolean) | undefined;
  await using desk = await startDesk(async (request, { signal }) => {
    called.resolve();
    aborted = () => signal.aborted;
    await go.promise;
    return { ...request, id: "kept" };
  });
  await using edge = await startGateway(desk.address);
  const body = '{"text":"hello"}';
  const left = call(edge.url, "POST /v1/notes", { headers: { ...ada, ...key("one") }, body, signal: leaving.signal });
  await called.promise;
  leaving.abort();
  await expect(left).rejects.toThrow();
  await expect.poll(() => edge.lines.find(({ msg }) => msg === "request")).toMatchObject({ status: 499 });
  expect(aborted?.()).toBe(false);
  go.resolve();
  await expect.poll(async () => (await write(edge.url, key("one"))).text).toContain("kept");
});

test("an error that ends the matter is answered again; one that does not leaves the key free", async () => {
  const codes = [Code.NotFound, Code.Internal, Code.DeadlineExceeded, Code.ResourceExhausted];
  await using desk = await countingDesk(async (n) => {
    throw new ConnectError(`call ${n}`, codes[n - 1] ?? Code.FailedPrecondition);
  });
  await using edge = await startGateway(desk.address);
  for (const [name, status] of [
    ["a", 404],
    ["b", 500],
    ["c", 504],
  ] as const) {
    const [first, again] = [await write(edge.url, key(name)), await write(edge.url, key(name))];
    expect([first.status, again.status, again.text]).toEqual([status, status, first.text]);
  }
  expect(desk.calls()).toBe(3);
  expect((await write(edge.url, key("d"))).status).toBe(429);
  expect([(await write(edge.url, key("d"))).status, desk.calls()]).toEqual([400, 5]);
});

test("a call that no service has seen leaves the key free", async () => {
  const port = await freePort();
  await using edge = await startGateway(`127.0.0.1:${port}`);
  const away = await write(edge.url, key("one"));
  expect([away.status, away.headers["idempotent-replayed"]]).toEqual([503, undefined]);
  await using desk = await startDesk(async () => ({ id: "back" }), port);
  await expect.poll(async () => (await write(edge.url, key("one"))).status).toBe(200);
  expect((await write(edge.url, key("one"))).headers["idempotent-replayed"]).toBe("true");
  expect(desk.address).toContain(String(port));
});

test("what never came to a call does not use the key up", async () => {
  await using desk = await countingDesk();
  await using edge = await startGateway(desk.address);
  expect((await write(edge.url, key("one"), '{"text":5}')).status).toBe(400);
  expect((await call(edge.url, "POST /v1/notes", { headers: key("one"), body: "{}" })).status).toBe(401);
  expect((await write(edge.url, key("one"))).status).toBe(200);
});

test("a malformed key is refused, and one that is not needed is passed over", async () => {
  await using desk = await countingDesk();
  await using edge = await startGateway(desk.address);
  for (const bad of ['"', '""', "two words", "a".repeat(256), '"é"', "a, b"]) {
    const answer = await write(edge.url, { "idempotency-key": Buffer.from(bad).toString("latin1") });
    expect([bad, answer.status]).toEqual([bad, 400]);
  }
  for (let n = 0; n < 2; n++) {
    const read = await call(edge.url, "GET /v1/notes/1", { headers: key("one") });
    expect([read.status, read.headers["idempotent-replayed"]]).toEqual([200, undefined]);
  }
});

test("gateways that share a database know each other's answers, and only one calls", async () => {
  await using databases = testDatabases();
  const database = { postgresUrl: databases.postgresUrl, name: `${databases.prefix}gateway`, poolSize: 4 };
  await using desk = await countingDesk(async () => ({ id: "a secret of Ada" }));
  await using one = await startGateway(desk.address, { guard: { ...guard, database } });
  await using two = await startGateway(desk.address, { guard: { ...guard, database } });
  const answers = await Promise.all([one, two, one, two, one, two].map(({ url }) => write(url, key("at-once"))));
  const statuses = new Set(answers.map(({ status }) => status));
  expect([...statuses].every((status) => status === 200 || status === 409)).toBe(true);
  const replayed = await write(two.url, key("at-once"));
  expect([replayed.headers["idempotent-replayed"], replayed.json()]).toMatchObject(["true", { id: "a secret of Ada" }]);
  expect(desk.calls()).toBe(1);
  const rows = await query(
    database,
    "select encode(answer, 'escape') as answer, encode(key, 'escape') as key from idempotency_key",
  );
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toMatch(/secret|at-once|ada/);
});

test("when the first gateway dies before the answer is kept, nobody calls a second time", async () => {
  await using databases = testDatabases();
  const database = { postgresUrl: databases.postgresUrl, name: `${databases.prefix}gateway`, poolSize: 2 };
  await using relay = createRelay(testPostgresUrl(), await freePort());
  await relay.open();
  // The answer goes to the client, but the gateway has lost the database.
  await using desk = await countingDesk(async () => {
    await relay.close();
    return {};
  });
  await using dying = await startGateway(desk.address, {
    guard: { ...guard, database: { ...database, postgresUrl: relay.url } },
  });
  await using other = await startGateway(desk.address, { guard: { ...guard, database } });
  expect((await write(dying.url, key("one"))).status).toBe(200);
  const waiting = await write(other.url, key("one"));
  expect([waiting.status, waiting.headers["retry-after"]]).toEqual([409, "1"]);
  await query(database, "update idempotency_key set lease_until = now()");
  const interrupted = await write(other.url, key("one"));
  expect([interrupted.status, interrupted.headers["retry-after"]]).toEqual([409, undefined]);
  expect(interrupted.text).toContain("may have had its effect");
  await query(database, "update idempotency_key set expires_at = now()");
  expect((await write(other.url, key("one"))).status).toBe(200);
  expect(desk.calls()).toBe(2);
});

test("without its database a gateway refuses requests with a key, and serves the others", async () => {
  const database = { postgresUrl: `postgres://x@127.0.0.1:${await freePort()}/x`, name: "gateway", poolSize: 2 };
  await using desk = await countingDesk();
  await using edge = await startGateway(desk.address, { guard: { ...guard, database } });
  const refused = await write(edge.url, key("one"));
  expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "1"]);
  expect((await write(edge.url, {})).status).toBe(200);
  expect(desk.calls()).toBe(1);
});

async function query({ postgresUrl, name }: { postgresUrl: string; name: string }, text: string) {
  const url = new URL(postgresUrl);
  url.pathname = `/${name}`;
  const sql = postgres(url.href, { max: 1 });
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end();
  }
}
