import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readPolicies } from "#mesh/contract";
import { createMessageRegistry } from "../registry.ts";
import { createRouteTable } from "../rest/route-table.ts";
import { serviceOf } from "../run-time-contract.fixture.ts";
import { schemaChecker } from "./ajv.fixture.ts";
import { openApiDocument } from "./document.ts";
import { compileImage, everything } from "./everything.fixture.ts";

const image = compileImage(everything);
const service = serviceOf(image, "test.v1.Everything");
const { routes } = createRouteTable(readPolicies([service]).values(), createMessageRegistry([service]));
// biome-ignore lint/suspicious/noExplicitAny: a document is read as its readers do, who have no types for it.
const document: any = openApiDocument({ routes, title: "Everything", files: () => [...image.files] });
const { paths, components } = document;
const faultsOf = schemaChecker(document);
const thing = { name: "abc", mail: "a@b.example", link: "https://a.example", ip: "::1", loose: "x", yes: true };
const valid = { ...thing, large: "2", kind: "KIND_SOFT", tags: ["a"], person: "p", outside: 11 };
const thingFaults = (more: object) => faultsOf({ ...valid, ...more }, "components", "schemas", "test.v1.Thing");

async function validity(value: object): Promise<unknown> {
  const result = await new Validator().validate(structuredClone(value) as Record<string, unknown>);
  return result.valid || result.errors;
}

describe("a document", () => {
  it("is what the official schema of OpenAPI 3.1 calls valid", async () => {
    expect(document.openapi).toBe("3.1.0");
    expect(await validity(document)).toBe(true);
  });

  it("would not be valid with an operation that has no responses by status", async () => {
    expect(await validity({ ...document, paths: { "/x": { get: { responses: { ok: {} } } } } })).not.toBe(true);
  });

  it("holds every route that people may call, and no other", () => {
    const found = Object.entries<object>(paths).map(([path, item]) => `${path} ${Object.keys(item).toSorted()}`);
    expect(found.toSorted()).toEqual([
      "/v1/bytes put",
      "/v1/old/{segment3} delete,get,patch,post,put",
      "/v1/shelves/{parent}/rooms/{parent2}/things/{id} get",
      "/v1/things post,x-additionalOperations",
      "/v1/things/{id} delete,patch,post",
      "/v1/things/{id}:find get",
      "/v1/things:watch get",
    ]);
    expect(JSON.stringify(document)).not.toContain("Hidden");
  });

  it("gives each operation an id of its own, its service as tag, and its rpc", () => {
    const operations = Object.values<object>(paths).flatMap((item) => Object.values(item));
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(paths["/v1/things/{id}:find"].get).toMatchObject({
      operationId: "test.v1.Everything.Find.2",
      tags: ["test.v1.Everything"],
      "x-rpc": "test.v1.Everything/Find",
    });
  });
});

describe("texts", () => {
  it("are the comments of the contract", () => {
    expect(document.tags).toEqual([
      { name: "test.v1.Everything", description: "Holds one of everything.\nOn two lines." },
    ]);
    const { get } = paths["/v1/things/{id}:find"];
    expect([get.summary, get.description]).toEqual(["Finds things", "Slowly, and\nwith care."]);
    const { post } = paths["/v1/things/{id}"];
    expect([post.summary, post.description]).toEqual([
      "Makes a thing",
      "In a block comment.\n\nNeeds the role `admin` or `maker`.",
    ]);
    expect(components.schemas["test.v1.Kind"].description).toBe(
      "A kind of thing.\n\n- `KIND_UNSPECIFIED`: Not said.\n- `KIND_HARD`: Hard to break.\n- `KIND_SOFT`: Easy to break.",
    );
  });

  it("tell the rules that a schema has no word for", () => {
    const { description, properties } = components.schemas["test.v1.Thing"];
    expect(description).toBe("A thing.\n\nRule: a thing has a name or a nick.");
    expect(properties.link.description).toBe("Must be of at most 80 bytes in UTF-8.");
    expect(properties.loose.description).toBe("Must match `(?i)^x$` (RE2).");
    expect(properties.large.description).toBe("Must be greater than 1.");
    expect(properties.data.description).toBe("Must be of length at most 16.");
    expect(properties.time.description).toBe("Must be in the past.");
    expect(properties.ödd.description).toBe("Must satisfy `this != 'even'`.");
  });

  it("describe each form of an error, the standard one first", () => {
    const forms = (content: object) => Object.keys(content);
    const aip193 = 'application/json; profile="https://google.aip.dev/193"';
    expect(forms(components.responses.BadRequest.content)).toEqual([
      "application/json",
      "application/problem+json",
      aip193,
    ]);
    const files = () => [...image.files];
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    const other: any = openApiDocument({ routes, title: "Other", errorDialect: "problem", files });
    expect(forms(other.components.responses.BadRequest.content)).toEqual(["application/problem+json", aip193]);
  });

  it("name the reasons of errors with their HTTP status", () => {
    expect(components.responses["test.v1"].description).toContain(
      "| 404 | NOT_FOUND | `EVERYTHING_ERROR_REASON_LOST` | there is no {id} \\| or so |",
    );
    expect(paths["/v1/things/{id}"].post.responses.default).toEqual({ $ref: "#/components/responses/test.v1" });
  });
});

describe("parameters", () => {
  it("are the fields of the path, one for each segment", () => {
    const [parent, second, id] = paths["/v1/shelves/{parent}/rooms/{parent2}/things/{id}"].get.parameters;
    const part = "Part of `parent`, which is `shelves/*/rooms/*`.";
    expect(parent).toMatchObject({ name: "parent", in: "path", required: true, description: part });
    expect(second).toMatchObject({ name: "parent2", in: "path", required: true, description: part });
    expect(id.schema).toEqual({ type: "string", format: "int64", pattern: "^-?[0-9]+$" });
  });

  it("have one name in a path that methods name differently", () => {
    expect(paths["/v1/things/{id}"].patch.parameters[0]).toMatchObject({ name: "id", "x-field": "thing.id" });
  });

  it("hold the key that lets a request act once, where it would act each time", () => {
    const headers = (parameters: { in: string; name: string }[]) =>
      parameters.filter((parameter) => parameter.in === "header").map(({ name }) => name);
    expect(headers(paths["/v1/things/{id}"].post.parameters)).toEqual(["Idempotency-Key"]);
    expect(headers(paths["/v1/things/{id}"].patch.parameters)).toEqual([]);
  });

  it("are the fields that are neither in the path nor in the body, as far as a query can hold them", () => {
    const names = (parameters: { name: string }[]) => parameters.map(({ name }) => name);
    expect(names(paths["/v1/things/{id}:find"].get.parameters)).toEqual(
      expect.arrayContaining(["id", "parent", "limit", "kinds", "exact", "range.from", "range.length", "like.name"]),
    );
    const find = paths["/v1/things/{id}:find"].get.parameters;
    expect(names(find).filter((name) => /free|parts|anything|inner/.test(name))).toEqual([]);
    expect(find.find(({ name }: { name: string }) => name === "limit")).toMatchObject({ description: "How many." });
    expect(find.find(({ name }: { name: string }) => name === "exact").schema).toEqual({ type: "boolean" });
    expect(names(paths["/v1/things/{id}"].patch.parameters)).toEqual(["id", "updateMask"]);
    expect(names(paths["/v1/things/{id}"].post.parameters)).toEqual(["id", "Idempotency-Key"]);
  });
});

describe("bodies and answers", () => {
  it("leave out of the body what is in the path", () => {
    const { schema } = paths["/v1/things/{id}"].post.requestBody.content["application/json"];
    expect(Object.keys(schema.properties)).not.toContain("id");
    expect(schema.required).toContain("name");
    const patch = paths["/v1/things/{id}"].patch.requestBody;
    expect([patch.required, Object.keys(patch.content["application/json"].schema.properties)]).toEqual([
      true,
      expect.not.arrayContaining(["id"]),
    ]);
  });

  it("are the field that response_body names", () => {
    const { content } = paths["/v1/things/{id}"].patch.responses["200"];
    expect(content["application/json"].schema).toEqual({ $ref: "#/components/schemas/test.v1.Thing" });
  });

  it("are bytes of any type for HttpBody, and for a stream what Accept chooses", () => {
    expect(Object.keys(paths["/v1/bytes"].put.requestBody.content)).toEqual(["*/*"]);
    expect(Object.keys(paths["/v1/bytes"].put.responses["200"].content)).toEqual(["*/*"]);
    expect(paths["/v1/things:watch"].get["x-streaming"]).toBe("server_streaming");
    const { content } = paths["/v1/things:watch"].get.responses["200"];
    expect(Object.keys(content)).toEqual(["application/x-ndjson", "text/event-stream", "application/json"]);
    expect(content["application/json"].schema).toEqual({ type: "array", items: { $ref: expect.any(String) } });
  });

  it("have the status and headers of success", () => {
    const { "201": created } = paths["/v1/things"].post.responses;
    expect(created.headers.Location.description).toBe("Where it is: `/v1/things/{thing.id}:find`.");
    expect(created.content["application/json"].schema).toEqual({ $ref: "#/components/schemas/test.v1.Thing" });
    const { "204": gone } = paths["/v1/things/{id}"].delete.responses;
    expect(gone).toEqual({ description: "The answer." });
  });

  it("tell who may call", () => {
    const { post, patch } = paths["/v1/things/{id}"];
    expect(post.security).toEqual([{ bearer: ["admin"] }, { bearer: ["maker"] }]);
    expect(Object.keys(post.responses)).toEqual(["200", "400", "401", "403", "default"]);
    expect([patch.security, Object.keys(patch.responses)]).toEqual([
      [{ bearer: [] }],
      ["200", "400", "401", "429", "default"],
    ]);
    expect(patch.description).toContain("At most 6 calls in 60 s for each user, 6 at once.");
    expect(paths["/v1/bytes"].put.security).toEqual([]);
    expect(paths["/v1/old/{segment3}"].get.deprecated).toBe(true);
  });
});

describe("schemas", () => {
  it("take a message that keeps the rules", () => {
    expect(thingFaults({})).toEqual([]);
    expect(thingFaults({ nick: "a.z", inner: valid, parts: { a: valid }, maybe: null, nothing: null })).toEqual([]);
    expect(thingFaults({ nick: "", ratio: 0.5, anyRatio: "NaN", value: [1, { a: null }], list: [1, "a"] })).toEqual([]);
    expect(thingFaults({ data: "AAA=", small: 9, counts: { a: 1 }, time: "2026-01-31T12:00:00.5Z" })).toEqual([]);
  });

  it.each([
    ["name", ""],
    ["name", "abcdefghijk"],
    ["name", "ABC"],
    ["name", "bad"],
    ["nick", "a.b"],
    ["mail", "a"],
    ["link", "a"],
    ["ip", "a"],
    ["small", 10],
    ["small", -6],
    ["small", 3],
    ["small", 1.5],
    ["large", 2],
    ["ratio", "NaN"],
    ["ratio", 1.5],
    ["anyRatio", "x"],
    ["outside", 7],
    ["yes", false],
    ["kind", "KIND_UNSPECIFIED"],
    ["plainKind", "KIND_OTHER"],
    ["tags", []],
    ["tags", ["a", "a"]],
    ["tags", ["abcd"]],
    ["counts", { a: -1 }],
    ["counts", { "": 1 }],
    ["counts", { a: 1, b: 2, c: 3 }],
    ["inner", { ...valid, name: "BAD" }],
    ["maybe", "abcdef"],
    ["anything", {}],
    ["list", {}],
    ["nothing", 1],
    ["time", "yesterday"],
    ["company", "besides a person"],
    ["person", undefined],
    ["name", undefined],
    ["mail", undefined],
  ])("refuse %s: %j", (name, value) => {
    const { [name]: _, ...rest } = { ...valid, [name]: value } as Record<string, unknown>;
    const message = value === undefined ? rest : { ...rest, [name]: value };
    expect(faultsOf(message, "components", "schemas", "test.v1.Thing")).not.toEqual([]);
  });

  it("mark what is deprecated and what is sensitive", () => {
    const { properties } = components.schemas["test.v1.Thing"];
    expect(properties.large.deprecated).toBe(true);
    expect(properties.mail["x-sensitive"]).toBe(true);
  });
});

describe("docs/openapi.yaml", () => {
  const committed = parse(readFileSync("docs/openapi.yaml", "utf8"));

  it("is valid too, and all its schemas are", async () => {
    expect(await validity(committed)).toBe(true);
    const check = schemaChecker(committed);
    for (const name of Object.keys(committed.components.schemas)) {
      expect(() => check({}, "components", "schemas", name)).not.toThrow();
    }
  });

  it("describes every method, field and parameter of the shop", () => {
    const shop = (name: string) => /^(shop|platform|heddle)\./.test(name);
    for (const item of Object.values<object>(committed.paths)) {
      for (const { summary, operationId } of Object.values(item))
        expect([operationId, summary]).toContainEqual(expect.stringMatching(/ /));
    }
    for (const [name, schema] of Object.entries<{ properties?: object }>(committed.components.schemas)) {
      const silent = Object.entries(schema.properties ?? {}).filter(([, { description }]) => !description);
      if (shop(name)) expect([name, silent]).toEqual([name, []]);
    }
  });
});
