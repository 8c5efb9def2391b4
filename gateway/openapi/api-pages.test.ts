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
  for (const path of ["/openapi.json", "/openapi.yaml"]) {
    const first = await call(library.url, `GET ${path}`);
    const etag = first.headers.etag ?? "";
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    const again = await call(library.url, `GET ${path}`, { headers: { "if-none-match": `"x", ${etag}` } });
    expect([again.status, again.text, again.headers.etag]).toEqual([304, "", etag]);
    const head = await call(library.url, `HEAD ${path}`);
    expect([head.status, head.text, head.headers.etag]).toEqual([200, "", etag]);
  }
});

test("nothing is described where that is switched off", async () => {
  await using library = await startLibrary({ config: { docs: false } });
  for (const path of ["/openapi.json", "/openapi.yaml"]) {
    expect((await call(library.url, `GET ${path}`)).status).toBe(404);
  }
});
