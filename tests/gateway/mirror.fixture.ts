import type { DescMessage, DescMethod, DescService, Message } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { type Code, ConnectError } from "@connectrpc/connect";
import { Audience } from "#gen/heddle/v1/policy_pb.ts";
import { readContract } from "#mesh/contract";
import { secretIdentity } from "#mesh/identity";
import { type AnyRpcHandler, createRpcServer, type RpcContext } from "#mesh/rpc";
import { silentLogger } from "#mesh/testing";
import type { GatewayConfig } from "../../gateway/config.ts";
import { gateway } from "../../gateway/gateway.ts";
import { plainTokens, testConfig } from "../../gateway/library.fixture.ts";
import {
  compileContract,
  type MethodOptionsInit,
  messageOf,
  serviceOf,
} from "../../gateway/run-time-contract.fixture.ts";

// The mirror fails as often as it is asked to: no caller may draw conclusions from that.
const everyone = { access: { audience: Audience.PUBLIC }, breaker: { off: true }, retry: { maxAttempts: 1 } };
const http = (rule: MethodOptionsInit["http"]): MethodOptionsInit => ({
  policy: everyone,
  ...(rule && { http: rule }),
});

const contract = compileContract(
  `
  syntax = "proto3";
  package test.mirror.v1;
  import "google/protobuf/any.proto";
  import "google/protobuf/duration.proto";
  import "google/protobuf/empty.proto";
  import "google/protobuf/field_mask.proto";
  import "google/protobuf/struct.proto";
  import "google/protobuf/timestamp.proto";
  import "google/protobuf/wrappers.proto";

  enum Color { COLOR_UNSPECIFIED = 0; COLOR_RED = 1; COLOR_DARK = -3; }

  message Scalars {
    double a_double = 1; float a_float = 2;
    int32 an_int32 = 3; int64 an_int64 = 4; uint32 a_uint32 = 5; uint64 a_uint64 = 6;
    sint32 a_sint32 = 7; sint64 a_sint64 = 8; fixed32 a_fixed32 = 9; fixed64 a_fixed64 = 10;
    sfixed32 an_sfixed32 = 11; sfixed64 an_sfixed64 = 12;
    bool a_bool = 13; string a_string = 14; bytes some_bytes = 15; Color a_color = 16;
  }
  message Optionals {
    optional double a_double = 1; optional int32 an_int32 = 3; optional int64 an_int64 = 4; optional uint64 a_uint64 = 6;
    optional bool a_bool = 13; optional string a_string = 14; optional bytes some_bytes = 15; optional Color a_color = 16;
  }
  message Lists {
    repeated double doubles = 1; repeated float floats = 2; repeated int32 int32s = 3; repeated int64 int64s = 4;
    repeated uint64 uint64s = 6; repeated bool bools = 13; repeated string strings = 14; repeated bytes byte_strings = 15;
    repeated Color colors = 16;
  }
  message Maps {
    map<string, string> by_string = 1; map<int32, Scalars> by_int32 = 2; map<uint64, bytes> by_uint64 = 3;
    map<bool, double> by_bool = 4; map<sint64, Color> by_sint64 = 5; map<string, google.protobuf.Timestamp> times = 6;
  }
  message Choice {
    oneof choice {
      string text = 1; int64 number = 2; Color color = 3; Scalars scalars = 4; google.protobuf.Duration wait = 5; bool flag = 6;
    }
  }
  message WellKnown {
    google.protobuf.Timestamp timestamp = 1; google.protobuf.Duration duration = 2; google.protobuf.FieldMask mask = 3;
    google.protobuf.StringValue string_value = 6; google.protobuf.BytesValue bytes_value = 7;
    google.protobuf.BoolValue bool_value = 8; google.protobuf.Int32Value int32_value = 9;
    google.protobuf.Int64Value int64_value = 10; google.protobuf.UInt32Value uint32_value = 11;
    google.protobuf.UInt64Value uint64_value = 12; google.protobuf.FloatValue float_value = 13;
    google.protobuf.DoubleValue double_value = 14;
  }
  message Dynamic {
    google.protobuf.Struct struct = 1; google.protobuf.Value value = 2; google.protobuf.ListValue list = 3;
    google.protobuf.Any any = 4; repeated google.protobuf.Any anys = 5; google.protobuf.Empty empty = 6;
  }
  message Everything {
    Scalars scalars = 1; Optionals optionals = 2; Lists lists = 3; Maps maps = 4; Choice choice = 5;
    WellKnown well_known = 6; Dynamic dynamic = 7; Everything again = 8; repeated Everything many = 9;
    string renamed = 10 [json_name = "@other-name"];
  }
  message MirrorRequest { string id = 1; Everything everything = 2; Failure failure = 3; }
  message MirrorResponse { string id = 1; Everything everything = 2; }
  message Failure { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
  message SearchRequest {
    string id = 1; Scalars scalars = 2; Optionals optionals = 3; Lists lists = 4; Choice choice = 5; WellKnown well_known = 6;
    string a_string = 7; repeated Color colors = 8; google.protobuf.Timestamp since = 9;
  }
  service Mirror {
    rpc Reflect(MirrorRequest) returns (MirrorResponse) { option idempotency_level = NO_SIDE_EFFECTS; }
    rpc Search(SearchRequest) returns (SearchRequest) { option idempotency_level = NO_SIDE_EFFECTS; }
    rpc Watch(MirrorRequest) returns (stream MirrorResponse);
    rpc Collect(stream MirrorRequest) returns (MirrorResponse);
    rpc Talk(stream MirrorRequest) returns (stream MirrorResponse);
    rpc Internal(MirrorRequest) returns (MirrorResponse);
  }
  `,
  {
    Reflect: http({
      pattern: { case: "post", value: "/v1/mirrors/{id}" },
      body: "*",
      additionalBindings: [
        {
          pattern: { case: "put", value: "/v1/mirrors/{id}/everything" },
          body: "everything",
          responseBody: "everything",
        },
      ],
    }),
    Search: http({ pattern: { case: "get", value: "/v1/search/{id}" } }),
    Watch: http({ pattern: { case: "post", value: "/v1/mirrors/{id}:watch" }, body: "*" }),
    Collect: { policy: everyone },
    Talk: { policy: everyone },
    Internal: { policy: { access: { services: ["test.mirror"] } } },
  },
);

/** A service that answers with what it was asked, by every kind of field and every kind of call. */
export const Mirror: DescService = serviceOf(contract, "test.mirror.v1.Mirror");

/** The messages of the contract, for an Any to hold. */
export const mirrorTypes = contract;

/** Returns a message of the contract by its short name. */
export const mirrorMessage = (name: string): DescMessage => messageOf(contract, `test.mirror.v1.${name}`);

/** Returns a method of the mirror; throws when there is none of that name. */
export function mirrorMethod(name: string): DescMethod {
  const method = Mirror.methods.find((each) => each.name === name);
  if (!method) throw new Error(`the mirror has no ${name}`);
  return method;
}

/** MirrorRequest, as far as the mirror looks into it; the other messages have some of its fields. */
export interface MirrorMessage extends Message {
  readonly id: string;
  readonly everything?: Message;
  readonly failure?: { readonly code: Code; readonly message: string; readonly details: readonly Any[] };
}

/** A mirror behind a gateway. */
export interface RunningMirror extends AsyncDisposable {
  /** Where the gateway listens. */
  readonly url: string;
  /** host:port of the mirror itself. */
  readonly address: string;
  /** Requests as they reached the mirror, since the last look, with their metadata. */
  received(): { readonly message: Message; readonly header: Headers }[];
}

/** Starts the mirror and a gateway in front of it, both on free ports. */
export async function startMirror(config: Partial<GatewayConfig> = {}): Promise<RunningMirror> {
  let seen: { message: Message; header: Headers }[] = [];
  const see = <T extends Message>(message: T, { requestHeader: header }: RpcContext): T => {
    seen.push({ message, header });
    return message;
  };
  const settings = testConfig(config);
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    contract: readContract({ services: [Mirror] }),
    services: [{ service: Mirror, handlers: handlersOf(see) }],
    tokens: plainTokens,
    identity: secretIdentity("test.mirror", settings.security.kind === "plaintext" ? settings.security.secret : ""),
    log: silentLogger(),
  });
  await server.start();
  const { address } = server;
  const services = [{ service: Mirror, address, server: "test.mirror" }];
  const edge = gateway({ config: settings, services, tokens: plainTokens, log: silentLogger() });
  await edge.start();
  return {
    url: edge.url,
    address,
    received() {
      const all = seen;
      seen = [];
      return all;
    },
    async [Symbol.asyncDispose]() {
      await edge.stop();
      await server.stop();
    },
  };
}

function handlersOf(see: <T extends Message>(message: T, context: RpcContext) => T): Record<string, AnyRpcHandler> {
  const reflect = async (message: MirrorMessage, context: RpcContext) => answerTo(see(message, context));
  return {
    reflect,
    internal: reflect,
    search: async (message: Message, context: RpcContext) => see(message, context),
    async *watch(message: MirrorMessage, context: RpcContext) {
      see(message, context);
      yield { id: message.id, everything: message.everything };
      yield answerTo(message);
    },
    async collect(messages: AsyncIterable<MirrorMessage>, context: RpcContext) {
      let last: MirrorMessage | undefined;
      for await (const message of messages) last = see(message, context);
      return last ? answerTo(last) : {};
    },
    async *talk(messages: AsyncIterable<MirrorMessage>, context: RpcContext) {
      for await (const message of messages) yield answerTo(see(message, context));
    },
  };
}

function answerTo({ id, everything, failure }: MirrorMessage): object {
  if (failure === undefined) return { id, everything };
  const error = new ConnectError(failure.message, failure.code);
  error.details = failure.details.map(({ typeUrl, value }) => ({ type: typeUrl.split("/").at(-1) ?? "", value }));
  throw error;
}
