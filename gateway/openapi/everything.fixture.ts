import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { FileRegistry } from "@bufbuild/protobuf";
import { readContractImage } from "./contract-image.ts";

const modules = ["proto", "third_party/googleapis", "third_party/grpc", "third_party/protovalidate"];

/** Compiles one proto file as somebody else would, against the protos of Heddle, into an image with source information. */
export function compileImage(text: string): FileRegistry {
  const folder = mkdtempSync(join(tmpdir(), "gateway-openapi-"));
  try {
    mkdirSync(join(folder, "own/test/v1"), { recursive: true });
    mkdirSync(join(folder, "third_party"));
    for (const module of modules) symlinkSync(resolve(module), join(folder, module));
    writeFileSync(join(folder, "own/test/v1/test.proto"), text);
    const paths = ["own", ...modules].map((path) => `  - path: ${path}\n`);
    writeFileSync(join(folder, "buf.yaml"), `version: v2\nmodules:\n${paths.join("")}`);
    const image = join(folder, "image.binpb");
    execFileSync(resolve("node_modules/.bin/buf"), ["build", "own", "--as-file-descriptor-set", "-o", image], {
      cwd: folder,
    });
    return readContractImage(image);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A contract with one of everything that a document can hold. */
export const everything = `
syntax = "proto3";

package test.v1;

import "buf/validate/validate.proto";
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/rpc/code.proto";
import "heddle/v1/error.proto";
import "heddle/v1/event.proto";
import "heddle/v1/policy.proto";

// Holds one of everything.
// On two lines.
service Everything {
  option (heddle.v1.server) = {default_port: 1};
  // Finds things. Slowly, and
  // with care.
  rpc Find(FindRequest) returns (FindResponse) {
    option (google.api.http) = {
      get: "/v1/{parent=shelves/*/rooms/*}/things/{id}"
      additional_bindings: {get: "/v1/things/{id}:find"}
    };
    option (heddle.v1.policy) = {access: {audience: AUDIENCE_PUBLIC}};
  }
  /* Makes a thing.
   * In a block comment. */
  rpc Make(Thing) returns (Thing) {
    option (google.api.http) = {post: "/v1/things/{id}", body: "*"};
    option (heddle.v1.policy) = {access: {roles: ["admin", "maker"]}};
  }
  // Changes a thing.
  rpc Change(ChangeRequest) returns (ChangeResponse) {
    option (google.api.http) = {patch: "/v1/things/{thing.id}", body: "thing", response_body: "thing"};
    option (heddle.v1.policy) = {access: {audience: AUDIENCE_SIGNED_IN}, rate_limits: {per: RATE_LIMIT_SUBJECT_USER, requests: 6, period: {seconds: 60}}};
  }
  rpc Old(google.protobuf.Empty) returns (google.protobuf.Empty) {
    option deprecated = true;
    option (google.api.http) = {custom: {kind: "*", path: "/v1/old/**"}};
    option (heddle.v1.policy) = {access: {audience: AUDIENCE_PUBLIC}};
  }
  // Purges.
  rpc Purge(google.protobuf.Empty) returns (google.protobuf.Empty) {
    option (google.api.http) = {custom: {kind: "PURGE", path: "/v1/things"}};
    option (heddle.v1.policy) = {access: {audience: AUDIENCE_PUBLIC}};
  }
  // Watches.
  rpc Watch(google.protobuf.Empty) returns (stream Thing) {
    option (google.api.http) = {get: "/v1/things:watch"};
    option (heddle.v1.policy) = {access: {audience: AUDIENCE_PUBLIC}};
  }
  // Stores bytes.
  rpc Store(google.api.HttpBody) returns (google.api.HttpBody) {
    option (google.api.http) = {put: "/v1/bytes", body: "*"};
    option (heddle.v1.policy) = {access: {audience: AUDIENCE_PUBLIC}};
  }
  // Adds a thing.
  rpc Add(ChangeRequest) returns (ChangeResponse) {
    option (google.api.http) = {post: "/v1/things", body: "thing", response_body: "thing"};
    option (heddle.v1.policy) = {access: {audience: AUDIENCE_PUBLIC}, success: {created: "/v1/things/{thing.id}:find"}};
  }
  // Removes a thing.
  rpc Remove(FindRequest) returns (google.protobuf.Empty) {
    option (google.api.http) = {delete: "/v1/things/{id}"};
    option (heddle.v1.policy) = {access: {audience: AUDIENCE_PUBLIC}, success: {no_content: true}};
  }
  // For services only.
  rpc Hidden(google.protobuf.Empty) returns (google.protobuf.Empty) {
    option (heddle.v1.policy) = {access: {services: "test.other"}};
  }
}

message FindRequest {
  string parent = 1;
  int64 id = 2;
  // How many.
  optional uint32 limit = 3;
  repeated Kind kinds = 4;
  google.protobuf.BoolValue exact = 5;
  Range range = 6;
  google.protobuf.Struct free = 7;
  Thing like = 8;
}

message Range {
  google.protobuf.Timestamp from = 1 [(buf.validate.field).required = true];
  google.protobuf.Duration length = 2;
}

message FindResponse {
  repeated Thing things = 1;
}

// A kind of thing.
enum Kind {
  // Not said.
  KIND_UNSPECIFIED = 0;
  // Hard to break.
  KIND_HARD = 1;
  // Easy to break.
  KIND_SOFT = 2;
}

// A thing.
message Thing {
  option (buf.validate.message).cel = {id: "a", message: "a thing has a name or a nick", expression: "this.name != '' || this.nick != ''"};
  string id = 1;
  // What it is called.
  string name = 2 [(buf.validate.field).string = {min_len: 1, max_len: 9, pattern: "^[a-z]*$", not_in: "bad"}];
  string nick = 3 [(buf.validate.field).string = {prefix: "a.", suffix: "z"}, (buf.validate.field).ignore = IGNORE_IF_ZERO_VALUE];
  string mail = 4 [(buf.validate.field).string.email = true, (heddle.v1.sensitive) = true];
  string link = 5 [(buf.validate.field).string.uri = true, (buf.validate.field).string.max_bytes = 80];
  string ip = 6 [(buf.validate.field).string.ip = true];
  string loose = 7 [(buf.validate.field).string.pattern = "(?i)^x$"];
  int32 small = 8 [(buf.validate.field).int32 = {gte: -5, lt: 10, not_in: 3}];
  int64 large = 9 [(buf.validate.field).int64 = {gt: 1}, deprecated = true];
  double ratio = 10 [(buf.validate.field).double = {finite: true, lte: 1}];
  float any_ratio = 11;
  uint32 outside = 12 [(buf.validate.field).uint32 = {gt: 10, lt: 5}];
  bool yes = 13 [(buf.validate.field).bool.const = true];
  bytes data = 14 [(buf.validate.field).bytes.max_len = 16];
  Kind kind = 15 [(buf.validate.field).enum = {in: [1, 2]}];
  Kind plain_kind = 16;
  repeated string tags = 17 [(buf.validate.field).repeated = {min_items: 1, unique: true, items: {string: {max_len: 3}}}];
  map<string, int32> counts = 18 [(buf.validate.field).map = {max_pairs: 2, keys: {string: {min_len: 1}}, values: {int32: {gte: 0}}}];
  map<string, Thing> parts = 19;
  Thing inner = 20;
  google.protobuf.StringValue maybe = 21 [(buf.validate.field).string.max_len = 5];
  google.protobuf.Any anything = 22;
  google.protobuf.Value value = 23;
  google.protobuf.ListValue list = 24;
  google.protobuf.NullValue nothing = 25;
  google.protobuf.Timestamp time = 26 [(buf.validate.field).timestamp.lt_now = true];
  oneof owner {
    option (buf.validate.oneof).required = true;
    string person = 27;
    string company = 28;
  }
  oneof colour {
    string name_of_colour = 29;
    uint32 number_of_colour = 30;
  }
  string odd = 31 [json_name = "\\u00f6dd", (buf.validate.field).cel_expression = "this != 'even'"];
}

message ChangeRequest {
  Thing thing = 1 [(buf.validate.field).required = true];
  google.protobuf.FieldMask update_mask = 2;
}

message ChangeResponse {
  Thing thing = 1;
}

// Why not.
enum EverythingErrorReason {
  // Never sent.
  EVERYTHING_ERROR_REASON_UNSPECIFIED = 0;
  // Lost.
  EVERYTHING_ERROR_REASON_LOST = 1 [(heddle.v1.error) = {code: NOT_FOUND, message: "there is no {id} | or so"}];
}
`;
