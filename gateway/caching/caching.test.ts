import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { startDesk, startGateway } from "../guard/desk.fixture.ts";
import { openHttp2 } from "../http/http2-client.fixture.ts";
import { call, type HttpAnswer } from "../library.fixture.ts";

const ada = { authorization: "Bearer ada:customer" };
const bob = { authorization: "Bearer bob:customer" };
const cachingOf = ({ status, headers }: HttpAnswer) => [status, headers["cache-control"], headers.vary];

test("an answer has a tag, and whoever has it is told that nothing has changed", async () => {
  let text = "first";
  await using desk = await startDesk(async (request) => ({ ...request, text }));
  await using edge = await startGateway(desk.address);
  const first = await call(edge.url, "GET /v1/notes/7");
  const tag = String(first.headers.etag);
  expect(tag).toMatch(/^W\/"[\w-]{27}"$/);
  for (const known of [tag, `"other", ${tag}`, tag.replace("W/", ""), "*"]) {
    const again = await call(edge.url, "GET /v1/notes/7", { headers: { "if-none-match": known } });
    expect([again.status, again.text, again.headers.etag, again.headers["content-type"]]).toEqual([
      304,
      "",
      tag,
      undefined,
    ]);
  }
  const head = await call(edge.url, "HEAD /v1/notes/7");
  expect([head.status, head.headers.etag]).toEqual([200, tag]);
  text = "second";
  const changed = await call(edge.url, "GET /v1/notes/7", { headers: { "if-none-match": tag } });
  expect([changed.status, changed.json()]).toEqual([200, { id: "7", text: "second" }]);
  expect(changed.headers.etag).not.toBe(tag);
});

test("Connect's GET has the same", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address);
  const path = "/test.desk.v1.Desk/ReadSign?connect=v1&encoding=json&message=%7B%7D";
  const first = await call(edge.url, `GET ${path}`);
  expect(cachingOf(first)).toEqual([200, "public, max-age=60", "accept-language"]);
  const headers = { "if-none-match": String(first.headers.etag) };
  expect((await call(edge.url, `GET ${path}`, { headers })).status).toBe(304);
  const post = await call(edge.url, "POST /test.desk.v1.Desk/ReadSign", { headers, body: "{}" });
  expect([post.status, post.headers.etag, post.headers["cache-control"]]).toEqual([200, undefined, undefined]);
});

test("how long an answer may be used is what the contract says, and for whom", async () => {
  await using desk = await startDesk();
  await using edge = await startGateway(desk.address);
  const read = async (path: string) => cachingOf(await call(edge.url, `GET ${path}`, { headers: ada }));
  expect(await read("/v1/signs/7")).toEqual([200, "public, max-age=60", "accept-language"]);
  expect(await read("/v1/letters/7")).toEqual([200, "private, max-age=60", "Authorization, accept-language"]);
  expect(await read("/v1/notes/7")).toEqual([200, "private, no-cache", "Authorization, accept-language"]);
  const written = await call(edge.url, "POST /v1/notes", { headers: ada, body: "{}" });
  expect([...cachingOf(written), written.headers.etag]).toEqual([200, undefined, undefined, undefined]);
});

test("where services see headers that no list can name, caches have to ask each time", async () => {
  await using desk = await startDesk();
  const metadata = { forwardHeaders: ["x-app-*"], showMetadata: [] };
  await using edge = await startGateway(desk.address, { metadata });
  expect(cachingOf(await call(edge.url, "GET /v1/signs/7"))).toEqual([200, "public, no-cache", undefined]);
});

test("a service may say itself how its answer is to be kept", async () => {
  await using desk = await startDesk(async (request, { responseHeader }) => {
    responseHeader.set("cache-control", "no-store");
    responseHeader.set("etag", '"version-3"');
    return request;
  });
  await using edge = await startGateway(desk.address);
  const answer = await call(edge.url, "GET /v1/signs/7");
  expect([answer.headers["cache-control"], answer.headers.etag]).toEqual(["no-store", '"version-3"']);
  const headers = { "if-none-match": '"version-3"' };
  expect((await call(edge.url, "GET /v1/signs/7", { headers })).status).toBe(304);
});

test("no cache keeps an error", async () => {
  await using desk = await startDesk(async () => {
    throw new ConnectError("gone", Code.NotFound);
  });
  await using edge = await startGateway(desk.address);
  const rpc = "/test.desk.v1.Desk/ReadSign?connect=v1&encoding=json&message=%7B%7D";
  for (const path of ["/v1/signs/7", "/v1/nothing", rpc]) {
    const { status, headers } = await call(edge.url, `GET ${path}`, { headers: { "if-none-match": "*" } });
    expect([status, headers["cache-control"], headers.etag]).toEqual([404, "no-store", undefined]);
  }
});

test("requests that are the same and under way at once are answered by one call", async () => {
  const gate = Promise.withResolvers<void>();
  const entered: string[] = [];
  await using desk = await startDesk(async (request) => {
    entered.push(String(request.id));
    await gate.promise;
    return request;
  });
  await using edge = await startGateway(desk.address);
  using client = openHttp2(edge.url);
  const reads = (path: string, times: number, headers = {}) =>
    Array.from({ length: times }, () => client.ask({ ":path": path, ...headers }));
  const answers = [
    ...reads("/v1/signs/7", 5),
    ...reads("/v1/signs/7", 5, ada),
    ...reads("/v1/signs/7", 1, { "accept-language": "de" }),
    ...reads("/v1/signs/8", 3),
    ...reads("/v1/letters/a", 4, ada),
    ...reads("/v1/letters/a", 4, bob),
    ...reads("/v1/notes/n", 3),
    ...reads("/v1/signs/7", 1, { "cache-control": "no-cache" }),
    // On one connection the last one is the last to be looked at.
    ...reads("/v1/notes/last", 1),
  ];
  // One for each sign and language, one for each user, one for each request where the contract allows no old answer.
  const wanted = ["7", "7", "7", "8", "a", "a", "last", "n", "n", "n"];
  await expect.poll(() => entered.toSorted()).toEqual(wanted);
  gate.resolve();
  const statuses = (await Promise.all(answers)).map(({ headers }) => headers[":status"]);
  expect(statuses).toEqual(answers.map(() => 200));
  expect(entered).toHaveLength(wanted.length);
});

test("a call that nobody waits for any more is cancelled", async () => {
  const entered = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  await using desk = await startDesk(async (request, { signal }) => {
    signal.addEventListener("abort", () => cancelled.resolve());
    entered.resolve();
    await cancelled.promise;
    return request;
  });
  await using edge = await startGateway(desk.address);
  const leaving = new AbortController();
  const left = call(edge.url, "GET /v1/signs/7", { signal: leaving.signal }).catch((error: Error) => error.name);
  await entered.promise;
  leaving.abort();
  expect(await left).toBe("AbortError");
  await cancelled.promise;
});
