import { create, type FileRegistry, fromBinary, fromJson, getOption, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { http } from "#gen/google/api/annotations_pb.ts";
import { callPolicyOf } from "#mesh/contract";
import { chooseServices } from "./choose-services.ts";
import { DescriptorError } from "./descriptor-error.ts";
import { buildImage } from "./image.fixture.ts";
import { linkFiles } from "./link-files.ts";
import { readImage } from "./read-image.ts";

const users = `
  syntax = "proto3";
  package acme.users.v1;
  import "google/api/annotations.proto";
  import "google/protobuf/timestamp.proto";
  import "acme/users/v1/user.proto";
  message GetUserRequest { string id = 1; google.protobuf.Timestamp at = 2; }
  service Users {
    rpc GetUser(GetUserRequest) returns (User) {
      option (google.api.http) = {get: "/v1/users/{id}"};
      option idempotency_level = NO_SIDE_EFFECTS;
    }
  }
`;
const user = `
  syntax = "proto3";
  package acme.users.v1;
  message User { string id = 1; }
  service UserAudit { rpc Audit(User) returns (User); }
`;
const contract = { "acme/users/v1/users.proto": users, "acme/users/v1/user.proto": user };

function link(image: Uint8Array): FileRegistry {
  return linkFiles(readImage(image, "image.binpb"), "image.binpb");
}

function faultsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (fault) {
    if (fault instanceof DescriptorError) return fault.faults;
    throw fault;
  }
  return [];
}

function filesOf(image: Uint8Array) {
  return fromBinary(FileDescriptorSetSchema, image).file;
}

test.each([false, true])("an image is read with its HTTP rules and idempotency levels (plain: %s)", (plain) => {
  const method = link(buildImage(contract, { plain })).getService("acme.users.v1.Users")?.method.getUser;
  expect(method && getOption(method, http).pattern).toEqual({ case: "get", value: "/v1/users/{id}" });
  expect(method && callPolicyOf(method).idempotent).toBe(true);
});

test("files may stand in any order", () => {
  const files = filesOf(buildImage(contract)).reverse();
  expect(linkFiles(files, "image.binpb").getService("acme.users.v1.Users")).toBeDefined();
});

test("well-known types need not be in the image, anything else that is imported is named when it is missing", () => {
  const faults = faultsOf(() => link(buildImage(contract, { withoutImports: true })));
  expect(faults).toEqual([
    "acme/users/v1/users.proto imports google/api/annotations.proto, which is missing. Mend: add it, with protoc by --include_imports.",
  ]);
  expect(link(buildImage({ "acme/users/v1/user.proto": user }, { withoutImports: true }))).toBeDefined();
});

test("every missing import is named", () => {
  const files = filesOf(buildImage(contract)).filter(({ name }) => name === "acme/users/v1/users.proto");
  expect(faultsOf(() => linkFiles(files, "x"))).toEqual([
    expect.stringContaining("imports google/api/annotations.proto, which is missing"),
    expect.stringContaining("imports acme/users/v1/user.proto, which is missing"),
  ]);
});

test("imports in a circle, and files that are there twice, are named", () => {
  const [a, b] = [
    { name: "a.proto", dependency: ["b.proto"] },
    { name: "b.proto", dependency: ["a.proto"] },
  ];
  const set = create(FileDescriptorSetSchema, { file: [a, b, b] });
  expect(faultsOf(() => linkFiles(set.file, "x"))).toEqual([
    "b.proto is there twice. Mend: build one image of all files.",
    expect.stringContaining("a.proto needs b.proto needs a.proto: that goes in a circle."),
  ]);
});

test.each([
  ["something else", Buffer.from('{"file": []}'), /it is no FileDescriptorSet/],
  ["nothing", Buffer.alloc(0), /it holds no proto files/],
  ["half an image", buildImage(contract).subarray(0, 2_000), /it is no FileDescriptorSet/],
])("%s is refused, and it says how to write an image", (_, bytes, why) => {
  const [fault] = faultsOf(() => readImage(bytes, "image.binpb"));
  expect(fault).toMatch(why);
  expect(fault).toContain('"buf build -o image.binpb"');
});

test("a type that is defined nowhere is named", () => {
  const files = filesOf(buildImage({ "acme/users/v1/user.proto": user }));
  const method = files[0]?.service[0]?.method[0];
  if (method) method.inputType = ".acme.Nowhere";
  expect(faultsOf(() => linkFiles(files, "x"))).toEqual([expect.stringContaining("acme.Nowhere")]);
});

test("proto2 and editions are served: required fields, defaults, groups, extensions, closed enums", () => {
  const registry = link(
    buildImage({
      "old.proto": `
        syntax = "proto2";
        package old;
        enum Size { SMALL = 1; }
        message Box {
          required string name = 1;
          optional Size size = 2;
          optional int32 count = 3 [default = 7];
          repeated group Part = 4 { optional string label = 5; }
          extensions 100 to 200;
        }
        extend Box { optional string note = 100; }
        service Boxes { rpc Get(Box) returns (Box); }
      `,
      "new.proto": `
        edition = "2023";
        package new;
        message Box { string name = 1 [features.field_presence = IMPLICIT]; Box inner = 2 [features.message_encoding = DELIMITED]; }
        service Boxes { rpc Get(Box) returns (Box); }
      `,
    }),
  );
  const box = registry.getMessage("old.Box");
  const json = { name: "b", size: "SMALL", part: [{ label: "l" }], "[old.note]": "n" };
  const message = box && fromJson(box, json, { registry });
  const again = box && message && fromBinary(box, toBinary(box, message));
  expect(box && again && toJson(box, again, { registry })).toEqual(json);
  expect(box && faultOf(() => toBinary(box, fromJson(box, {})))).toContain("required");
  expect(chooseServices(registry, {}, []).map(({ typeName }) => typeName)).toEqual(["new.Boxes", "old.Boxes"]);
});

test("options of others with numbers of Heddle's mean nothing to it", () => {
  const registry = link(
    buildImage({
      "acme.proto": `
        syntax = "proto3";
        package acme;
        import "google/protobuf/descriptor.proto";
        extend google.protobuf.MethodOptions { string owner = 50801; }
        extend google.protobuf.ServiceOptions { uint64 tier = 50809; }
        message Nothing {}
        service Things { option (tier) = 3; rpc Get(Nothing) returns (Nothing) { option (owner) = "me"; } }
      `,
    }),
  );
  const method = registry.getService("acme.Things")?.method.get;
  expect(method && callPolicyOf(method)).toMatchObject({ idempotent: false, hedge: undefined });
});

test("services of mere imports and of the server's own affairs are served when they are named", () => {
  const registry = link(buildImage(contract));
  const imported = link(buildImage(contract, { targets: ["acme/users/v1/users.proto"] }));
  const chosen = (from: FileRegistry, choice: Parameters<typeof chooseServices>[1]) => {
    const faults: string[] = [];
    return [...chooseServices(from, choice, faults).map(({ typeName }) => typeName), ...faults];
  };
  expect(chosen(registry, {})).toEqual(["acme.users.v1.UserAudit", "acme.users.v1.Users"]);
  expect(chosen(imported, {})).toEqual(["acme.users.v1.Users"]);
  expect(chosen(imported, { selectors: ["acme.users.v1.*"] })).toHaveLength(2);
  expect(chosen(registry, { listed: ["acme.users.v1.Users"] })).toEqual(["acme.users.v1.Users"]);
  expect(chosen(registry, { selectors: ["acme.users.v1.Userz"] })).toEqual([
    'there is no service "acme.users.v1.Userz"; did you mean "acme.users.v1.Users"?',
  ]);
  const health = {
    "h.proto": 'syntax = "proto3"; package grpc.health.v1; message M {} service Health { rpc Check(M) returns (M); }',
  };
  expect(chosen(link(buildImage(health)), {})).toEqual([expect.stringContaining("no service to serve")]);
  expect(chosen(link(buildImage(health)), { selectors: ["grpc.health.v1.Health"] })).toEqual(["grpc.health.v1.Health"]);
});

function faultOf(work: () => unknown): string {
  try {
    work();
    return "";
  } catch (fault) {
    return String(fault);
  }
}
