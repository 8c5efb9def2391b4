import { expect, test } from "vitest";
import { Audience } from "#gen/heddle/v1/policy_pb.ts";
import { call, Library, startLibrary } from "./library.fixture.ts";
import { compileContract, serviceOf } from "./run-time-contract.fixture.ts";

test("other contracts are served from the next request on, and a running request ends by those it began with", async () => {
  const called = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  await using library = await startLibrary({
    unary: async ({ id }) => {
      if (id === "slow") {
        called.resolve();
        await go.promise;
      }
      return { book: { title: "read" } };
    },
  });
  const running = call(library.url, "GET /v1/books/slow");
  await called.promise;
  library.edge.swap([{ ...library.upstream, service: libraryAt("/v2/books/{id}") }]);
  expect((await call(library.url, "GET /v1/books/7")).status).toBe(404);
  expect((await call(library.url, "GET /v2/books/7")).json()).toMatchObject({ book: { title: "read" } });
  go.resolve();
  expect([(await running).status, (await running).json()]).toMatchObject([200, { book: { title: "read" } }]);
});

test("contracts that cannot be served are refused, and those before stay", async () => {
  await using library = await startLibrary();
  const faulty = { ...library.upstream, service: libraryAt("/v2/books/{nothing}") };
  expect(() => library.edge.swap([faulty])).toThrow("nothing");
  expect((await call(library.url, "GET /v1/books/7")).status).toBe(200);
});

/** The library's GetBook alone, at another path. */
function libraryAt(path: string) {
  const file = compileContract(
    `
    syntax = "proto3";
    package test.library.v1;
    message Book { string id = 1; string title = 2; }
    message GetBookRequest { string id = 1; }
    message BookResponse { Book book = 1; }
    service Library { rpc GetBook(GetBookRequest) returns (BookResponse); }
    `,
    { GetBook: { policy: { access: { audience: Audience.PUBLIC } }, http: { pattern: { case: "get", value: path } } } },
  );
  return serviceOf(file, Library.typeName);
}
