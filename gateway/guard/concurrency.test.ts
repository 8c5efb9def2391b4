import { once } from "node:events";
import { connect } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { WebSocket as WsClient } from "ws";
import { startFeed } from "../feed.fixture.ts";
import { openHttp2 } from "../http/http2-client.fixture.ts";
import { call, Library, startLibrary } from "../library.fixture.ts";
import { defaultGuard } from "./guard-config.ts";

test("what is too much is refused at once in every protocol, health is not, and later there is room again", async () => {
  const go = Promise.withResolvers<void>();
  const inside = Promise.withResolvers<void>();
  await using library = await startLibrary({
    async unary() {
      inside.resolve();
      await go.promise;
      return {};
    },
    config: { guard: { ...defaultGuard, maxConcurrent: 1 } },
  });
  const first = call(library.url, "GET /v1/books/7");
  await inside.promise;
  const second = await call(library.url, "GET /v1/books/8");
  expect([second.status, second.headers["retry-after"]]).toEqual([503, "1"]);
  expect(second.json()).toMatchObject({ code: Code.Unavailable });
  for (const transport of [
    createConnectTransport({ baseUrl: library.url, httpVersion: "1.1" }),
    createGrpcTransport({ baseUrl: library.url }),
  ]) {
    expect(await askFor(transport).catch(({ code }: ConnectError) => code)).toBe(Code.Unavailable);
  }
  expect((await call(library.url, "GET /healthz")).status).toBe(200);
  go.resolve();
  expect((await first).status).toBe(200);
  await expect.poll(async () => (await call(library.url, "GET /v1/books/9")).status).toBe(200);
});

test("one client has only its share, however it multiplexes or pipelines, and leaves room for others", async () => {
  const go = Promise.withResolvers<void>();
  let inside = 0;
  await using library = await startLibrary({
    async unary() {
      inside++;
      await go.promise;
      return {};
    },
    config: {
      guard: { ...defaultGuard, maxConcurrent: 5, clientShare: 40, proxies: { count: 1, header: "x-forwarded-for" } },
    },
  });
  using client = openHttp2(library.url);
  // What a client itself says of its address stands further left.
  const ask = (address: string) => client.ask({ ":path": "/v1/books/7", "x-forwarded-for": `${inside}, ${address}` });
  const first = [ask("2001:db8::1"), ask("2001:db8::2")];
  await expect.poll(() => inside).toBe(2);
  const refused = await ask("2001:db8::3");
  expect([refused.headers[":status"], refused.headers["retry-after"]]).toEqual([429, "1"]);
  expect(JSON.parse(refused.text)).toMatchObject({ code: Code.ResourceExhausted });
  const { hostname, port } = new URL(library.url);
  const socket = connect({ host: hostname, port: Number(port) }).setEncoding("utf8");
  let answers = "";
  socket.on("data", (text) => {
    answers += text;
  });
  const request = "GET /v1/books/7 HTTP/1.1\r\nHost: library\r\nX-Forwarded-For: 192.0.2.1\r\n";
  socket.write(`${request}\r\n${request}\r\n${request}Connection: close\r\n\r\n`);
  await expect.poll(() => inside).toBe(4);
  // Another one still has room, and then nobody.
  const third = ask("192.0.2.3");
  await expect.poll(() => inside).toBe(5);
  expect((await ask("192.0.2.4")).headers[":status"]).toBe(503);
  go.resolve();
  await once(socket, "close");
  expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 429"]);
  for (const { headers } of await Promise.all([...first, third])) expect(headers[":status"]).toBe(200);
  await expect.poll(async () => (await ask("2001:db8::1")).headers[":status"]).toBe(200);
});

test("a WebSocket is under way until it is closed", async () => {
  await using feed = await startFeed({
    async *follow(_, { signal }) {
      yield { version: "1" };
      await once(signal, "abort");
    },
    config: { guard: { ...defaultGuard, maxConcurrent: 1 } },
  });
  const dial = () => new WsClient(`${feed.url.replace("http", "ws")}/v1/feeds/7:follow`).on("error", () => undefined);
  const first = dial();
  await once(first, "message");
  const [, refused] = await once(dial(), "unexpected-response");
  expect([refused.statusCode, refused.headers["retry-after"]]).toEqual([503, "1"]);
  expect((await call(feed.url, "POST /v1/feeds/7/notes", { body: "{}" })).status).toBe(503);
  first.close();
  await expect.poll(async () => (await call(feed.url, "POST /v1/feeds/7/notes", { body: "{}" })).status).toBe(200);
});

function askFor(transport: ReturnType<typeof createGrpcTransport>) {
  const { getBook } = Library.method;
  if (getBook === undefined) throw new Error("the library has no books");
  return transport.unary({ ...getBook, methodKind: "unary" }, undefined, undefined, {}, create(getBook.input));
}
