import { create } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
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

function askFor(transport: ReturnType<typeof createGrpcTransport>) {
  const { getBook } = Library.method;
  if (getBook === undefined) throw new Error("the library has no books");
  return transport.unary({ ...getBook, methodKind: "unary" }, undefined, undefined, {}, create(getBook.input));
}
