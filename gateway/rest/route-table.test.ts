import { create, createRegistry, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { type HttpRule, HttpRuleSchema } from "#gen/google/api/http_pb.ts";
import { Audience } from "#gen/heddle/v1/policy_pb.ts";
import { readPolicies } from "#mesh/contract";
import { createMessageRegistry } from "../registry.ts";
import { compileContract, type MethodOptionsInit, serviceOf } from "../run-time-contract.fixture.ts";
import { edgeServices } from "../services.ts";
import { createRouteTable, RouteError } from "./route-table.ts";

const text = `
  syntax = "proto3";
  package test.v1;
  message Shelf { string name = 1; repeated string tags = 2; }
  message Request { string id = 1; Shelf shelf = 2; repeated Shelf shelves = 3; map<string, string> labels = 4; }
  message Response { Shelf shelf = 1; }
  service Service {
    rpc One(Request) returns (Response);
    rpc Two(Request) returns (Response);
    rpc Upload(stream Request) returns (Response);
    rpc Chat(stream Request) returns (stream Response);
    rpc Internal(Request) returns (Response);
    rpc Watch(Request) returns (stream Response);
  }
`;
const signedIn = { access: { audience: Audience.SIGNED_IN } };

function tableOf(rules: Readonly<Record<string, HttpRule>>) {
  const methods: Record<string, MethodOptionsInit> = {};
  for (const name of ["One", "Two", "Upload", "Chat"]) methods[name] = { policy: signedIn };
  methods.Internal = { policy: { access: { services: ["shop.order"] } } };
  for (const [name, http] of Object.entries(rules))
    methods[name] = { ...(methods[name] ?? { policy: signedIn }), http };
  return tableOfMethods(methods);
}

type SuccessInit = NonNullable<NonNullable<MethodOptionsInit["policy"]["success"]>["answer"]>;

function tableOfMethods(own: Readonly<Record<string, MethodOptionsInit>>) {
  const others = ["One", "Two", "Upload", "Chat", "Internal", "Watch"].map((name) => [name, { policy: signedIn }]);
  const service = serviceOf(compileContract(text, { ...Object.fromEntries(others), ...own }), "test.v1.Service");
  return createRouteTable(readPolicies([service]).values(), createRegistry(service.file));
}

function rule(init: MessageInitShape<typeof HttpRuleSchema>): HttpRule {
  return create(HttpRuleSchema, init);
}

function get(path: string): HttpRule {
  return rule({ pattern: { case: "get", value: path } });
}

function post(path: string, body = ""): HttpRule {
  return rule({ pattern: { case: "post", value: path }, body });
}

const refused: [name: string, rules: Record<string, HttpRule>, problem: RegExp][] = [
  [
    "a template off the grammar",
    { One: get("/v1/{id") },
    /test\.v1\.Service\.One: path "\/v1\/\{id": expected "}" at column 8\. Mend: /,
  ],
  ["no pattern", { One: rule({ body: "*" }) }, /names no method and path/],
  ["an unknown field in the path", { One: get("/v1/{nope}") }, /has no field "nope"\. Mend: name one of id, shelf/],
  ["an unknown nested field", { One: get("/v1/{shelf.nope}") }, /no field "shelf.nope"/],
  ["a message in the path", { One: get("/v1/{shelf}") }, /"shelf" is no single value/],
  ["a repeated field in the path", { One: get("/v1/{shelf.tags}") }, /"shelf.tags" is no single value/],
  ["a way through a repeated field", { One: get("/v1/{shelves.name}") }, /no field "shelves.name"/],
  ["a map in the path", { One: get("/v1/{labels}") }, /"labels" is no single value/],
  ["a field bound twice", { One: get("/v1/{id}/{id}") }, /field "id" is bound twice/],
  ["an unknown body", { One: { ...get("/v1"), body: "nope" } }, /body "nope" is no field of test\.v1\.Request/],
  ["a nested body", { One: { ...get("/v1"), body: "shelf.name" } }, /body "shelf.name" is no field/],
  ["an unknown response_body", { One: { ...get("/v1"), responseBody: "nope" } }, /response_body "nope" is no field/],
  ["a field in path and body", { One: { ...get("/v1/{id}"), body: "id" } }, /bound by both the path and the body/],
  [
    "a kind that is no method",
    { One: rule({ pattern: { case: "custom", value: { kind: "GE T", path: "/v1" } } }) },
    /"GE T" is no HTTP/,
  ],
  [
    "the same route twice",
    { One: get("/v1/{id}"), Two: get("/v1/{shelf.name}") },
    /GET \/v1\/\{shelf.name\} is served by test\.v1\.Service\.One already/,
  ],
  [
    "nested additional bindings",
    { One: { ...get("/v1"), additionalBindings: [{ ...get("/v2"), additionalBindings: [get("/v3")] }] } },
    /additional_bindings are nested/,
  ],
  ["a stream of requests from nowhere", { Upload: post("/v1") }, /the requests come from nowhere. Mend: add a body/],
  ["streams both ways in a body", { Chat: post("/v1", "*") }, /need a WebSocket. Mend: use get without a body/],
  ["a method for services only", { Internal: get("/v1") }, /only services may call it/],
];

describe("rules that cannot be served", () => {
  test.each(refused)("%s", (_name, rules, problem) => {
    expect(() => tableOf(rules)).toThrow(problem);
    expect(() => tableOf(rules)).toThrow(RouteError);
  });

  test("one start shows all of them", () => {
    expect(() => tableOf({ One: get("/v1/{nope}"), Two: get("v2") })).toThrow(/Service\.One: [\s\S]*Service\.Two: /);
  });
});

test("a fault names the line of the rpc where the image knows it", () => {
  expect(() => tableOf({ One: get("/v1/{nope}") })).toThrow(
    /\ncontract\/test\/v1\/test\.proto:\d+: test\.v1\.Service\.One: /,
  );
});
const successes: [name: string, method: string, success: SuccessInit, problem: RegExp][] = [
  ["204 for a response with fields", "One", { case: "noContent", value: true }, /throw away the fields/],
  ["a Location without a GET rule", "One", { case: "created", value: "/v2" }, /no rule serves GET \/v2/],
  ["one off the grammar", "One", { case: "created", value: "v2" }, /path "v2": a template begins/],
  ["one with an unknown field", "One", { case: "created", value: "/v1/{id}" }, /Response has no field "id"/],
  ["one with a wildcard", "One", { case: "created", value: "/v1/*" }, /wildcards that no field fills/],
  ["a stream", "Watch", { case: "created", value: "/v1" }, /the answer is a stream/],
];
describe("a status of success that cannot be kept", () => {
  test.each(successes)("%s", (_name, method, answer, problem) => {
    const policy = { ...signedIn, success: { answer } };
    expect(() => tableOfMethods({ [method]: { policy, http: get("/v1") } })).toThrow(problem);
  });
});

test("additional bindings are routes of their own", () => {
  const table = tableOf({
    One: { ...get("/v1/{id}"), additionalBindings: [rule({ pattern: { case: "put", value: "/v2" }, body: "*" })] },
  });
  expect(table.routes.map(({ httpMethod, template }) => `${httpMethod} ${template.text}`)).toEqual([
    "GET /v1/{id}",
    "PUT /v2",
  ]);
  expect(table.match("PUT", "/v2")).toMatchObject({ found: true });
});

test("the shop's rules are served", () => {
  const services = edgeServices({ addressOf: () => "127.0.0.1:1", serverOf: () => "" }).map(({ service }) => service);
  const table = createRouteTable(readPolicies(services).values(), createMessageRegistry(services));
  expect(table.match("POST", "/v1/orders/7:cancel")).toMatchObject({ found: true, values: ["7"] });
  expect(table.match("GET", "/v1/users/me")).toMatchObject({ found: true, values: ["me"] });
  expect(table.match("PUT", "/v1/orders")).toEqual({ found: false, methods: ["GET", "POST"] });
});
