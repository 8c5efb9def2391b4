import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { call, startLibrary } from "../library.fixture.ts";

test("the same document comes as JSON and as YAML", async () => {
  await using library = await startLibrary();
  const json = await call(library.url, "GET /openapi.json");
  const yaml = await call(library.url, "GET /openapi.yaml");
  expect([json.status, json.headers["content-type"]]).toEqual([200, "application/json"]);
  expect([yaml.status, yaml.headers["content-type"]]).toEqual([200, "application/yaml"]);
  expect(json.json()).toMatchObject({ openapi: "3.1.0", paths: { "/v1/books/{id}": { get: expect.anything() } } });
  expect(parse(yaml.text)).toEqual(json.json());
});

test("whoever has it already is told so", async () => {
  await using library = await startLibrary();
  for (const path of ["/openapi.json", "/openapi.yaml", "/docs"]) {
    const first = await call(library.url, `GET ${path}`);
    const etag = first.headers.etag ?? "";
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    const again = await call(library.url, `GET ${path}`, { headers: { "if-none-match": `"x", ${etag}` } });
    expect([again.status, again.text, again.headers.etag]).toEqual([304, "", etag]);
    const head = await call(library.url, `HEAD ${path}`);
    expect([head.status, head.text, head.headers.etag]).toEqual([200, "", etag]);
  }
});

test("the page may call its own server only, and all that it asks for is there", async () => {
  await using library = await startLibrary();
  const page = await call(library.url, "GET /docs");
  expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
  expect(page.headers["content-security-policy"]).toContain("default-src 'none'; script-src 'self'");
  const files = [...page.text.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(([, file]) => file ?? "");
  expect(files.length).toBeGreaterThan(1);
  for (const file of files) expect([file, (await call(library.url, `GET /${file}`)).status]).toEqual([file, 200]);
  expect((await call(library.url, "GET /docs/../config.ts")).status).toBe(404);
  expect((await call(library.url, "POST /docs")).status).toBe(404);
});

test("nothing is described where that is switched off", async () => {
  await using library = await startLibrary({ config: { docs: false } });
  for (const path of ["/openapi.json", "/openapi.yaml", "/docs"]) {
    expect((await call(library.url, `GET ${path}`)).status).toBe(404);
  }
});

test("the contracts are there for tools, without what people may not call", async () => {
  await using library = await startLibrary();
  const answer = await fetch(`${library.url}/docs/contracts.binpb`);
  const image = createFileRegistry(fromBinary(FileDescriptorSetSchema, new Uint8Array(await answer.arrayBuffer())));
  const methods = image.getService("test.library.v1.Library")?.methods.map(({ name }) => name);
  expect(methods).toEqual(expect.arrayContaining(["GetBook", "Discuss"]));
  expect(methods).not.toContain("Reindex");
});
