import { expect, test } from "vitest";
import { readPolicies } from "#mesh/contract";
import { compileImage } from "../openapi/everything.fixture.ts";
import { createMessageRegistry } from "../registry.ts";
import { createRouteTable } from "../rest/route-table.ts";
import { serviceOf } from "../run-time-contract.fixture.ts";
import { createDeprecation } from "./deprecation.ts";

const contract = (successor: string) => `
  syntax = "proto3";
  package test.v1;
  import "google/api/annotations.proto";
  import "heddle/v1/policy.proto";
  message GetRequest { string id = 1; }
  message GetResponse {}
  service Things {
    option (heddle.v1.server) = {default_port: 1};
    rpc Get(GetRequest) returns (GetResponse) {
      option deprecated = true;
      option (google.api.http) = {get: "/v1/things/{id}"};
      option (heddle.v1.policy) = {
        access: {audience: AUDIENCE_PUBLIC}
        deprecation: {since: "2026-11-30", successor: "${successor}"}
      };
    }
    rpc Fetch(GetRequest) returns (GetResponse) {
      option (google.api.http) = {get: "/v2/things/{id}"};
      option (heddle.v1.policy) = {access: {audience: AUDIENCE_PUBLIC}};
    }
  }`;

function create(successor: string) {
  const service = serviceOf(compileImage(contract(successor)), "test.v1.Things");
  const policies = [...readPolicies([service]).values()];
  return createDeprecation(policies, createRouteTable(policies, createMessageRegistry([service])));
}

test("a successor that is not served stops the start, with the one that was meant", () => {
  expect(() => create("test.v1.Things.Fetch")).not.toThrow();
  expect(() => create("test.v1.Things.Fetsh")).toThrow(
    'test/v1/test.proto: test.v1.Things.Get: its successor "test.v1.Things.Fetsh" is not served here. ' +
      'Mend: name a method that is, with its package; did you mean "test.v1.Things.Fetch"?.',
  );
});
