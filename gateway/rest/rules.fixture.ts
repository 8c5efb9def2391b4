import {
  create,
  type DescMessage,
  type DescMethod,
  fromJson,
  type JsonObject,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { CustomHttpPatternSchema, type HttpRule, HttpRuleSchema } from "#gen/google/api/http_pb.ts";
import { Audience } from "#gen/heddle/v1/policy_pb.ts";
import { readContract } from "#mesh/contract";
import { secretIdentity } from "#mesh/identity";
import { createRpcServer } from "#mesh/rpc";
import { createLogger } from "#mesh/telemetry";
import { silentLogger } from "#mesh/testing";
import { gateway } from "../gateway.ts";
import { plainTokens, testConfig } from "../library.fixture.ts";
import { createMessageRegistry } from "../registry.ts";
import { compileContract, type MethodOptionsInit, serviceOf } from "../run-time-contract.fixture.ts";
import { defaultRestConfig, type RestConfig } from "./rest-config.ts";

const secret = "a secret that the rules and their gateway share";
const open = { access: { audience: Audience.PUBLIC } };

/** The messages and rpcs that the cases are about. The rules of the rpcs stand beside them. */
const text = `
  syntax = "proto3";
  package test.rules.v1;
  import "google/api/httpbody.proto";
  import "google/protobuf/any.proto";
  import "google/protobuf/duration.proto";
  import "google/protobuf/empty.proto";
  import "google/protobuf/field_mask.proto";
  import "google/protobuf/struct.proto";
  import "google/protobuf/timestamp.proto";
  import "google/protobuf/wrappers.proto";

  enum Genre { GENRE_UNSPECIFIED = 0; GENRE_POETRY = 1; GENRE_PROSE = 2; }
  message Shelf {
    string name = 1; int32 size = 2; Shelf parent = 3; string display_name = 4; repeated Shelf rows = 5;
    Genre genre = 6; map<string, string> tags = 7; string own = 8 [json_name = "ownName"];
  }
  message All {
    string id = 1; int32 i32 = 2; int64 i64 = 3; uint32 u32 = 4; uint64 u64 = 5; float f = 6; double d = 7; bool b = 8;
    bytes raw = 9; Genre genre = 10; repeated int32 numbers = 11; repeated Genre genres = 12; Shelf shelf = 13;
    repeated Shelf shelves = 14; map<string, string> labels = 15; google.protobuf.Timestamp time = 16;
    google.protobuf.Duration span = 17; google.protobuf.FieldMask update_mask = 18;
    google.protobuf.BoolValue flag_value = 19; google.protobuf.StringValue str_value = 20;
    google.protobuf.Int64Value big_value = 21; optional int32 maybe = 22;
    oneof choice { string left = 23; int32 right = 24; Shelf box = 25; google.protobuf.Timestamp when = 26; }
    google.protobuf.Struct extra = 27; google.protobuf.Value anything = 28; repeated string page_tokens = 29;
    sint64 s64 = 30; fixed32 f32 = 31; repeated google.protobuf.Timestamp times = 32; google.protobuf.Any any = 33;
    google.protobuf.ListValue list = 34; google.api.HttpBody file = 35; map<string, Shelf> named = 36;
    optional string note = 37; google.protobuf.UInt32Value small_value = 38; google.protobuf.BytesValue raw_value = 39;
  }
  message Name { string name = 1; string view = 2; }
  message Response { All all = 1; string text = 2; repeated int32 numbers = 3; google.api.HttpBody file = 4; int32 count = 5; }

  service Rules {
    rpc ListShelves(All) returns (Response);
    rpc GetSpecial(All) returns (Response);
    rpc GetShelf(All) returns (Response);
    rpc DeleteShelf(All) returns (google.protobuf.Empty);
    rpc ArchiveShelf(All) returns (Response);
    rpc BatchGetShelves(All) returns (Response);
    rpc GetBook(Name) returns (Response);
    rpc GetPages(Name) returns (Response);
    rpc GetFile(Name) returns (Response);
    rpc TouchFile(Name) returns (Response);
    rpc GetFixedFile(Name) returns (Response);
    rpc GetTail(Name) returns (Response);
    rpc DoAny(All) returns (Response);
    rpc GetAny(All) returns (Response);
    rpc ProbeAny(All) returns (Response);
    rpc DeepOne(All) returns (Response);
    rpc DeepTwo(All) returns (Response);
    rpc Query(All) returns (Response);
    rpc QueryInPath(All) returns (Response);
    rpc Typed(All) returns (Response);
    rpc Whole(All) returns (Response);
    rpc WholeById(All) returns (Response);
    rpc Part(All) returns (Response);
    rpc PatchShelf(All) returns (Response);
    rpc PatchSettings(All) returns (Response);
    rpc PatchWhole(All) returns (Response);
    rpc Upload(google.api.HttpBody) returns (Response);
    rpc UploadTo(All) returns (Response);
    rpc TakeStruct(google.protobuf.Struct) returns (Response);
    rpc TakeList(google.protobuf.ListValue) returns (Response);
    rpc TakeValue(google.protobuf.Value) returns (Response);
    rpc TakeTime(google.protobuf.Timestamp) returns (Response);
    rpc TakeText(google.protobuf.StringValue) returns (Response);

    rpc PrintText(All) returns (Response);
    rpc PrintNumbers(All) returns (Response);
    rpc PrintCount(All) returns (Response);
    rpc PrintAll(All) returns (Response);
    rpc Download(All) returns (google.api.HttpBody);
    rpc DownloadFile(All) returns (Response);
    rpc PrintStruct(All) returns (google.protobuf.Struct);
    rpc CreateShelf(All) returns (Shelf);
    rpc CreateBook(All) returns (Shelf);
  }
`;

/** A rule as "METHOD path body -> response_body", the last two left out where there are none. */
function rule(line: string): HttpRule {
  const [request = "", responseBody = ""] = line.split(" -> ");
  const [method = "", path = "", body = ""] = request.split(" ");
  return create(HttpRuleSchema, { pattern: patternOf(method, path), body, responseBody });
}

function patternOf(method: string, path: string): HttpRule["pattern"] {
  switch (method) {
    case "GET":
      return { case: "get", value: path };
    case "PUT":
      return { case: "put", value: path };
    case "POST":
      return { case: "post", value: path };
    case "DELETE":
      return { case: "delete", value: path };
    case "PATCH":
      return { case: "patch", value: path };
    default:
      return { case: "custom", value: create(CustomHttpPatternSchema, { kind: method, path }) };
  }
}

function http(first: string, ...others: string[]): MethodOptionsInit {
  return { policy: open, http: { ...rule(first), additionalBindings: others.map(rule) } };
}

const parts = [
  "shelf",
  "shelves",
  "numbers",
  "labels",
  "id",
  "i64",
  "b",
  "d",
  "genre",
  "genres",
  "raw",
  "time",
  "span",
];
const moreParts = ["update_mask", "flag_value", "extra", "anything", "list", "any", "named", "left", "maybe"];

const rules: Record<string, MethodOptionsInit> = {
  ListShelves: http("GET /v1/shelves"),
  GetSpecial: http("GET /v1/shelves/special", "PUT /v1/shelves/special"),
  GetShelf: http("GET /v1/shelves/{id}"),
  DeleteShelf: {
    ...http("DELETE /v1/shelves/{id}"),
    policy: { ...open, success: { answer: { case: "noContent", value: true } } },
  },
  ArchiveShelf: http("POST /v1/shelves/{id}:archive *"),
  BatchGetShelves: http("POST /v1/shelves:batchGet *"),
  GetBook: http("GET /v1/{name=shelves/*/books/*}"),
  GetPages: http("GET /v1/{name=shelves/*/books/*}/pages"),
  GetFile: http("GET /v1/files/{name=**}"),
  TouchFile: http("POST /v1/files/{name=**}:touch"),
  GetFixedFile: http("GET /v1/files/fixed/{name}"),
  GetTail: http("GET /v1/tail/{name=a/**}"),
  DoAny: http("* /v1/any/{id}"),
  GetAny: http("GET /v1/any/{id}"),
  ProbeAny: http("HEAD /v1/probe/{id}", "PURGE /v1/probe/{id}"),
  DeepOne: http("GET /v1/deep/*/a/b"),
  DeepTwo: http("GET /v1/deep/x/{id}/c"),
  Query: http("GET /v1/query"),
  QueryInPath: http("GET /v1/query/{shelf.name}"),
  Typed: http("GET /v1/typed/{i32}/{i64}/{b}/{genre}/{raw}", "GET /v1/right/{right}", "GET /v1/box/{box.displayName}"),
  Whole: http("POST /v1/whole *"),
  WholeById: http("PUT /v1/whole/{id} *", "PUT /v1/inner/{shelf.name} *", "POST /v1/right/{right} *"),
  Part: http("POST /v1/part/nothing", ...[...parts, ...moreParts].map((field) => `POST /v1/part/${field} ${field}`)),
  PatchShelf: http("PATCH /v1/shelves/{shelf.name} shelf", "PUT /v1/shelves/{shelf.name} shelf"),
  PatchSettings: http("PATCH /v1/settings shelf"),
  PatchWhole: http("PATCH /v1/whole/{id} *"),
  Upload: http("POST /v1/uploads *"),
  UploadTo: http("PUT /v1/uploads/{id} file"),
  TakeStruct: http("POST /v1/take/struct *"),
  TakeList: http("POST /v1/take/list *"),
  TakeValue: http("POST /v1/take/value *"),
  TakeTime: http("POST /v1/take/time *"),
  TakeText: http("POST /v1/take/text *"),
  PrintText: http("GET /v1/print/text -> text", "GET /v1/print/whole"),
  PrintNumbers: http("GET /v1/print/numbers -> numbers"),
  PrintCount: http("GET /v1/print/count -> count"),
  PrintAll: http("GET /v1/print/all -> all"),
  Download: http("GET /v1/download"),
  DownloadFile: http("GET /v1/download/file -> file"),
  PrintStruct: http("GET /v1/print/struct"),
  CreateShelf: {
    ...http("POST /v1/shelves shelf"),
    policy: { ...open, success: { answer: { case: "created", value: "/v1/shelves/{name}" } } },
  },
  CreateBook: {
    ...http("POST /v1/books shelf"),
    policy: { ...open, success: { answer: { case: "created", value: "/v1/{name=shelves/*/books/*}" } } },
  },
};

/** A service with rules of every kind, without generated code. */
export const Rules = serviceOf(compileContract(text, rules), "test.rules.v1.Rules");

/** The request of one of its methods, by its local name. */
export function inputOf(method: string): DescMessage {
  const { input } = Rules.method[method] ?? {};
  if (input === undefined) throw new Error(`no method ${method}`);
  return input;
}

const registry = createMessageRegistry([Rules]);

/** What a service was asked, in ProtoJSON. */
export interface Asked {
  readonly rpc: string;
  readonly request: unknown;
}

/** What a test may choose. */
export interface RulesOptions {
  /** Answers each call; `request` is ProtoJSON, as is the answer. Default: an empty message. */
  readonly answer?: (asked: Asked) => JsonObject | Promise<JsonObject>;
  readonly rest?: Partial<RestConfig>;
}

/** Starts the service behind a gateway, both on free ports. `asked` grows with each call that arrives. */
export async function startRules({ answer = () => ({}), rest = {} }: RulesOptions = {}) {
  const asked: Asked[] = [];
  const handle = (method: DescMethod) => async (request: Message) => {
    const call = { rpc: method.name, request: toJson(method.input, request, { registry }) };
    asked.push(call);
    return fromJson(method.output, await answer(call), { registry });
  };
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    contract: readContract({ services: [Rules] }),
    services: [{ service: Rules, handlers: Object.fromEntries(Rules.methods.map((m) => [m.localName, handle(m)])) }],
    tokens: plainTokens,
    identity: secretIdentity("test.rules", secret),
    log: silentLogger(),
  });
  await server.start();
  const lines: Record<string, unknown>[] = [];
  const edge = gateway({
    config: testConfig({ security: { kind: "plaintext", secret }, rest: { ...defaultRestConfig, ...rest } }),
    services: [{ service: Rules, address: server.address, server: "test.rules" }],
    tokens: plainTokens,
    log: createLogger({
      name: "gateway",
      level: "info",
      destination: { write: (line) => lines.push(JSON.parse(line)) },
    }),
  });
  await edge.start();
  return {
    ...{ url: edge.url, asked, lines },
    async [Symbol.asyncDispose]() {
      await edge.stop();
      await server.stop();
    },
  };
}
