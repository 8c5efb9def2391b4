import {
  createFileRegistry,
  createRegistry,
  type DescFile,
  fromJson,
  type JsonObject,
  type Message,
} from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { field as fieldRules } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { error } from "#gen/heddle/v1/error_pb.ts";
import { policy, server } from "#gen/heddle/v1/policy_pb.ts";

/** Request of every method: `text` has at most 10 characters. */
export type EchoRequest = Message<"test.echo.v1.EchoRequest"> & { text: string; count: number; data: Uint8Array };
/** Response of every method. */
export type EchoResponse = Message<"test.echo.v1.EchoResponse"> & { text: string; data: Uint8Array };

type Method<Kind> = { methodKind: Kind; input: GenMessage<EchoRequest>; output: GenMessage<EchoResponse> };

const dependencies = [policy.file, error.file, fieldRules.file];

const PUBLIC = { audience: "AUDIENCE_PUBLIC" };

function method(name: string, access: JsonObject, more: JsonObject = {}): JsonObject {
  const { clientStreaming = false, serverStreaming = false, ...rules } = more;
  const types = { inputType: ".test.echo.v1.EchoRequest", outputType: ".test.echo.v1.EchoResponse" };
  const options = { "[heddle.v1.policy]": { access, ...rules } };
  return { name, ...types, clientStreaming, serverStreaming, options };
}

/** A method that changes nothing, called by rules of its own. */
function safeMethod(name: string, rules: JsonObject): JsonObject {
  const safe = method(name, PUBLIC, rules);
  return { ...safe, options: { ...Object(safe.options), idempotencyLevel: "NO_SIDE_EFFECTS" } };
}

function field(name: string, number: number, type: string, options: JsonObject = {}): JsonObject {
  return { name, number, type, label: "LABEL_OPTIONAL", options };
}

/** A machine that is busy with other tests makes event loops late, which only the tests of admission are about. */
const admission = { maxEventLoopLag: "60s" };

const reason = (code: string, message: string) => ({ "[heddle.v1.error]": { code, message } });
const json: JsonObject = {
  name: "test/echo/v1/echo_service.proto",
  package: "test.echo.v1",
  syntax: "proto3",
  dependency: dependencies.map(({ proto }) => proto.name),
  messageType: [
    {
      name: "EchoRequest",
      field: [
        field("text", 1, "TYPE_STRING", { "[buf.validate.field]": { string: { maxLen: 10 } } }),
        field("count", 2, "TYPE_INT32", { "[buf.validate.field]": { int32: { gte: 0 } } }),
        field("data", 3, "TYPE_BYTES"),
      ],
    },
    { name: "EchoResponse", field: [field("text", 1, "TYPE_STRING"), field("data", 3, "TYPE_BYTES")] },
  ],
  enumType: [
    {
      name: "EchoErrorReason",
      value: [
        { name: "ECHO_ERROR_REASON_UNSPECIFIED", number: 0 },
        {
          name: "ECHO_ERROR_REASON_NO_ECHO",
          number: 1,
          options: reason("NOT_FOUND", "there is no echo of {text} here"),
        },
      ],
    },
  ],
  service: [
    {
      name: "EchoService",
      options: { "[heddle.v1.server]": { defaultPort: 59999, admission } },
      method: [
        method("Unary", PUBLIC),
        method("ServerStream", PUBLIC, { serverStreaming: true }),
        method("ClientStream", PUBLIC, { clientStreaming: true }),
        method("Bidi", PUBLIC, { clientStreaming: true, serverStreaming: true }),
        method("Quick", PUBLIC, { deadline: "0.1s" }),
        method("SignedIn", { audience: "AUDIENCE_SIGNED_IN" }),
        method("AdminOnly", { roles: ["admin"] }),
        method("OrderOnly", { services: ["shop.order"] }),
        safeMethod("InTurn", { balance: { algorithm: "BALANCE_ALGORITHM_ROUND_ROBIN" } }),
        safeMethod("Sticky", { balance: { algorithm: "BALANCE_ALGORITHM_RING_HASH", affinity: "text" } }),
        safeMethod("Cached", { fallback: { cached: "60s" } }),
        safeMethod("Hedged", { hedge: { minSamples: 10, minDelay: "0.001s" } }),
        safeMethod("Impatient", { retry: { attemptTimeout: "0.5s" } }),
        safeMethod("SafeStream", {
          ...{ serverStreaming: true, retry: { attemptTimeout: "0.5s" } },
          balance: { algorithm: "BALANCE_ALGORITHM_ROUND_ROBIN" },
        }),
        safeMethod("SafeBidi", { clientStreaming: true, serverStreaming: true }),
        method("AdminOrOrder", { roles: ["admin", "support"], services: ["shop.order"] }),
      ],
    },
  ],
};

function build(): DescFile {
  const options = createRegistry(policy, server, error, fieldRules);
  const proto = fromJson(FileDescriptorProtoSchema, json, { registry: options });
  const registry = createFileRegistry(proto, (name) => find(dependencies, name));
  const file = registry.getFile(proto.name);
  if (!file) throw new Error(`${proto.name} was not built`);
  return file;
}

function find(files: readonly DescFile[], name: string): DescFile | undefined {
  for (const file of files) {
    const found = file.proto.name === name ? file : find(file.dependencies, name);
    if (found) return found;
  }
  return undefined;
}

const file = build();

/**
 * A service with every kind of call and every kind of access. Quick may take 100 ms; the methods that follow orderOnly
 * are balanced, hedged, tried again or answered by the caller's side in different ways.
 */
export const EchoService = file.services[0] as GenService<{
  unary: Method<"unary">;
  serverStream: Method<"server_streaming">;
  clientStream: Method<"client_streaming">;
  bidi: Method<"bidi_streaming">;
  quick: Method<"unary">;
  signedIn: Method<"unary">;
  adminOnly: Method<"unary">;
  orderOnly: Method<"unary">;
  inTurn: Method<"unary">;
  sticky: Method<"unary">;
  cached: Method<"unary">;
  hedged: Method<"unary">;
  impatient: Method<"unary">;
  safeStream: Method<"server_streaming">;
  safeBidi: Method<"bidi_streaming">;
  adminOrOrder: Method<"unary">;
}>;

/** Reasons for the service to refuse: 1 is NO_ECHO. */
export const EchoErrorReason = file.enums[0];
