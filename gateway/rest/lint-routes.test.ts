import { create, createRegistry } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { type HttpRule, HttpRuleSchema } from "#gen/google/api/http_pb.ts";
import { Audience } from "#gen/heddle/v1/policy_pb.ts";
import { readPolicies } from "#mesh/contract";
import { compileContract, type MethodOptionsInit, serviceOf } from "../run-time-contract.fixture.ts";
import { lintRoutes } from "./lint-routes.ts";
import { createRouteTable } from "./route-table.ts";
import { createPlaceOf } from "./rule-place.ts";

const text = `syntax = "proto3";
package test.v1;
import "google/protobuf/struct.proto";
message Node { string name = 1; Node next = 2; repeated Node all = 3; }
message Request { string id = 1; Node node = 2; map<string, string> labels = 3; google.protobuf.Struct extra = 4; }
message Flat { string id = 1; string kind = 2; }
service Service {
  rpc One(Flat) returns (Flat);
  rpc Two(Flat) returns (Flat);
  rpc Deep(Request) returns (Flat);
}
`;

function findings(rules: Readonly<Record<string, readonly [HttpRule, ...HttpRule[]]>>): string[] {
  const policy = { access: { audience: Audience.PUBLIC } };
  const methods: Record<string, MethodOptionsInit> = { One: { policy }, Two: { policy }, Deep: { policy } };
  for (const [name, [first, ...additionalBindings]] of Object.entries(rules)) {
    methods[name] = { policy, http: { ...first, additionalBindings } };
  }
  const service = serviceOf(compileContract(text, methods), "test.v1.Service");
  const table = createRouteTable(readPolicies([service]).values(), createRegistry(service.file));
  const rpcPaths = service.methods.map(({ name }) => `/test.v1.Service/${name}`);
  return lintRoutes(table, { rpcPaths, ownPaths: ["/healthz"], placeOf: createPlaceOf(() => [service.file]) });
}

function get(value: string, body = ""): HttpRule {
  return create(HttpRuleSchema, { pattern: { case: "get", value }, body });
}

function post(value: string, body = "*"): HttpRule {
  return create(HttpRuleSchema, { pattern: { case: "post", value }, body });
}

function del(value: string, body: string): HttpRule {
  return create(HttpRuleSchema, { pattern: { case: "delete", value }, body });
}

const one = "contract/test/v1/test.proto:8: test.v1.Service.One";
const two = "contract/test/v1/test.proto:9: test.v1.Service.Two";
const deep = "contract/test/v1/test.proto:10: test.v1.Service.Deep";

const cases: [name: string, rules: Parameters<typeof findings>[0], found: string[]][] = [
  ["rules that are fine", { One: [get("/v1/{id}"), get("/v1/{id}/{kind=**}")], Two: [get("/v1/me")] }, []],
  [
    "a route whose paths all belong to narrower ones",
    { One: [get("/v1"), get("/v1/*"), get("/v1/*/**")], Two: [get("/v1/**")] },
    [
      `${two}: GET /v1/** (Two) is never reached: its paths belong to GET /v1 (One), GET /v1/* (One), GET /v1/*/** (One)`,
    ],
  ],
  [
    "a route at a path of the gateway",
    { One: [get("/healthz")] },
    [`${one}: GET /healthz (One) is never reached: its paths belong to /healthz`],
  ],
  [
    "a route that would take a path of the gateway",
    { One: [get("/{id}")] },
    [`${one}: GET /{id} (One) does not get /healthz, which is answered before the routes are looked at`],
  ],
  [
    "a route at the path of an rpc",
    { One: [post("/test.v1.Service/Two")] },
    [`${one}: POST /test.v1.Service/Two (One) is never reached: its paths belong to /test.v1.Service/Two`],
  ],
  [
    "two templates, neither the narrower",
    { One: [get("/v1/{id}/x")], Two: [get("/v1/y/{id}")] },
    [`${two}: GET /v1/y/{id} (Two) and GET /v1/{id}/x (One) both take /v1/y/x, which goes to GET /v1/y/{id} (Two)`],
  ],
  [
    "the same for different methods or verbs",
    { One: [get("/v1/{id}/x")], Two: [post("/v1/y/{id}"), get("/v1/y/{id}:z")] },
    [],
  ],
  [
    "a body on GET and DELETE",
    { One: [get("/v1/a", "*")], Two: [del("/v1/b/{id}", "kind")] },
    [
      `${one}: GET /v1/a has a body, which HTTP gives no meaning and some clients cannot send`,
      `${two}: DELETE /v1/b/{id} has a body, which HTTP gives no meaning and some clients cannot send`,
    ],
  ],
  [
    "fields that no request can set",
    { Deep: [get("/v1/deep/{id}")] },
    ["node.all", "labels", "extra"].map((path) => `${deep}: no request can set ${path}: it has no form in a query`),
  ],
  ["fields that one of the rules can set", { Deep: [get("/v1/deep/{id}"), post("/v1/deep")] }, []],
  [
    "fields that the body leaves out",
    { Deep: [post("/v1/deep", "node")] },
    ["labels", "extra"].map((path) => `${deep}: no request can set ${path}: it has no form in a query`),
  ],
];

describe("the lint finds", () => {
  test.each(cases)("%s", (_name, rules, found) => {
    expect(findings(rules).map((finding) => finding.replace(/\. Mend: .*$/, ""))).toEqual(found);
  });
});

test("a finding tells how to mend it", () => {
  expect(findings({ One: [get("/v1/a", "*")] })[0]).toMatch(/ Mend: use post, or leave out the body\.$/);
});
