import type { JsonObject } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { call } from "../library.fixture.ts";
import { defaultMappingRules, type MappingRules } from "./mapping-rules.ts";
import { startRules } from "./rules.fixture.ts";

const image = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0xff, 0x0a]);

/** Starts the rules with one answer to every call. */
function answering(answer: JsonObject, mapping: Partial<MappingRules> = {}) {
  return startRules({ answer: () => answer, rest: { mapping: { ...defaultMappingRules, ...mapping } } });
}

test("an HttpBody as request takes bytes of any type, unparsed", async () => {
  await using rules = await startRules();
  const headers = { "content-type": "image/png" };
  expect((await call(rules.url, "POST /v1/uploads", { headers, body: image })).status).toBe(200);
  await call(rules.url, "PUT /v1/uploads/7?note=x", {
    headers: { "content-type": "application/json" },
    body: "{not json",
  });
  await call(rules.url, "PUT /v1/uploads/8");
  expect(rules.asked.map(({ request }) => request)).toEqual([
    { contentType: "image/png", data: image.toString("base64") },
    {
      id: "7",
      note: "x",
      file: { contentType: "application/json", data: Buffer.from("{not json").toString("base64") },
    },
    { id: "8", file: {} },
  ]);
});

test("an HttpBody as response, or as response_body, is sent as it is", async () => {
  const body = { contentType: "image/png", data: image.toString("base64") };
  await using rules = await startRules({ answer: ({ rpc }) => (rpc === "Download" ? body : { file: body }) });
  for (const path of ["/v1/download", "/v1/download/file"]) {
    const response = await fetch(`${rules.url}${path}`);
    expect([response.headers.get("content-type"), response.headers.get("content-length")]).toEqual(["image/png", "7"]);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(image);
  }
  const head = await call(rules.url, "HEAD /v1/download");
  expect([head.status, head.headers["content-type"], head.headers["content-length"], head.text]).toEqual([
    200,
    "image/png",
    "7",
    "",
  ]);
});

test("an HttpBody that is not set is empty", async () => {
  await using rules = await startRules();
  const answer = await call(rules.url, "GET /v1/download/file");
  expect([answer.status, answer.headers["content-type"], answer.text]).toEqual([200, "application/octet-stream", ""]);
});

test("response_body is any field, in its JSON form", async () => {
  await using rules = await answering({ text: "t", numbers: [1, 2], count: 3, all: { id: "x" } });
  expect((await call(rules.url, "GET /v1/print/text")).json()).toBe("t");
  expect((await call(rules.url, "GET /v1/print/numbers")).json()).toEqual([1, 2]);
  expect((await call(rules.url, "GET /v1/print/count")).json()).toBe(3);
  expect((await call(rules.url, "GET /v1/print/all")).json()).toMatchObject({
    id: "x",
    i64: "0",
    genre: "GENRE_UNSPECIFIED",
  });
  expect((await call(rules.url, "GET /v1/print/whole")).json()).toMatchObject({ text: "t", count: 3 });
});

test("a response_body that holds its default value is that value", async () => {
  for (const printDefaults of [true, false]) {
    await using rules = await answering({}, { printDefaults });
    const paths = ["text", "numbers", "count", "all"];
    const answers = await Promise.all(paths.map((path) => call(rules.url, `GET /v1/print/${path}`)));
    expect(answers.map(({ text }) => text)).toEqual(['""', "[]", "0", "null"]);
  }
});

test("a response that is a well-known type has its JSON form", async () => {
  await using rules = await answering({ a: [1, null] });
  expect((await call(rules.url, "GET /v1/print/struct")).json()).toEqual({ a: [1, null] });
});

test("fields without value, names and enums are printed as configured", async () => {
  const all = { pageTokens: ["a"], genre: "GENRE_POETRY", i64: "1" };
  await using rules = await answering({ all }, { printDefaults: false, fieldNames: "proto", enums: "number" });
  expect((await call(rules.url, "GET /v1/print/all")).json()).toEqual({ page_tokens: ["a"], genre: 1, i64: "1" });
});

test("$prettyPrint makes an answer for people", async () => {
  await using rules = await answering({ numbers: [1] });
  expect((await call(rules.url, "GET /v1/print/numbers?$prettyPrint")).text).toBe("[\n  1\n]\n");
  expect((await call(rules.url, "GET /v1/print/numbers?%24prettyPrint=true")).text).toBe("[\n  1\n]\n");
  expect((await call(rules.url, "GET /v1/print/numbers?$prettyPrint=false")).text).toBe("[1]");
});

test("unknown JSON fields are refused where that is configured, with the nearest", async () => {
  await using rules = await answering({}, { unknownJsonFields: "refuse" });
  const bodies = [
    '{"idd":"x"}',
    '{"shelf":{"nam":"x"}}',
    '{"shelves":[{},{"parent":{"sise":1}}]}',
    '{"update_mask":"i_d"}',
  ];
  const answers = await Promise.all(bodies.map((body) => call(rules.url, "POST /v1/whole", { body })));
  expect(answers.map(({ text }) => JSON.parse(text).details?.[0]?.fieldViolations[0] ?? text)).toMatchObject([
    { field: "idd", description: 'body: no such field; did you mean "id"?' },
    { field: "shelf.nam", description: 'body: no such field; did you mean "name"?' },
    { field: "shelves[1].parent.sise", description: 'body: no such field; did you mean "size"?' },
    expect.any(String),
  ]);
});

test("limits of depth and query parameters are those that are configured", async () => {
  await using rules = await answering({}, { maxDepth: 3, maxQueryParameters: 2 });
  const ok = await call(rules.url, "POST /v1/whole", { body: '{"shelf":{"parent":{}}}' });
  const deep = await call(rules.url, "POST /v1/whole", { body: '{"shelf":{"parent":{"parent":{}}}}' });
  const many = await call(rules.url, "GET /v1/query?numbers=1&numbers=2&numbers=3");
  const long = await call(rules.url, "GET /v1/query?shelf.parent.parent.name=x");
  expect([ok.status, deep.status, many.status, long.status]).toEqual([200, 400, 400, 400]);
});

test("a creation is 201, and Location leads to the new resource", async () => {
  await using rules = await answering({ name: "a/b c" });
  const created = await call(rules.url, "POST /v1/shelves", { body: "{}" });
  expect([created.status, created.headers.location]).toEqual([201, "/v1/shelves/a%2Fb%20c"]);
  expect(created.json()).toMatchObject({ name: "a/b c" });
});

test("204 has no body", async () => {
  await using rules = await startRules();
  const answer = await call(rules.url, "DELETE /v1/shelves/7");
  expect([answer.status, answer.text, answer.headers["content-type"], answer.headers["content-length"]]).toEqual([
    204,
    "",
    undefined,
    undefined,
  ]);
});

test("a resource name of several segments keeps its slashes in Location, and an empty one has none", async () => {
  await using named = await answering({ name: "shelves/1/books/ä" });
  expect((await call(named.url, "POST /v1/books", { body: "{}" })).headers.location).toBe("/v1/shelves/1/books/%C3%A4");
  await using nameless = await answering({});
  const answer = await call(nameless.url, "POST /v1/books", { body: "{}" });
  expect([answer.status, answer.headers.location]).toEqual([201, undefined]);
});

test("HEAD is GET without the body", async () => {
  await using rules = await answering({ text: "t" });
  const head = await call(rules.url, "HEAD /v1/print/text");
  expect([head.status, head.text, head.headers["content-length"]]).toEqual([200, "", "3"]);
});
