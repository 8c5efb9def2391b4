import { type DescEnumValue, type DescFile, getOption, hasOption } from "@bufbuild/protobuf";
import type { Code as ConnectCode } from "@connectrpc/connect";
import { CodeSchema } from "#gen/google/rpc/code_pb.ts";
import { error } from "#gen/heddle/v1/error_pb.ts";
import { statusOf } from "../http/error-status.ts";
import type { Schema } from "./value-schema.ts";

/** Responses that many operations share, by name: those of the gateway, and one with the reasons of each package. */
export function errorResponses(packages: Iterable<string>, files: readonly DescFile[], content: Schema): Schema {
  const own = [...new Set(packages)]
    .toSorted()
    .map((name) => [name, { description: reasonsText(name, files), content }]);
  return {
    NotModified: { description: "The client's ETag still names the content. There is no body." },
    BadRequest: {
      description: "The request breaks a rule. The details hold a google.rpc.BadRequest that names each field.",
      content,
    },
    Unauthenticated: {
      description: "Nobody is signed in, or the token is not valid.",
      headers: { "WWW-Authenticate": { required: true, schema: { type: "string" } } },
      content,
    },
    PermissionDenied: { description: "The user lacks the role.", content },
    ResourceExhausted: {
      description: "The client has called too often, or there is too much to do.",
      headers: Object.fromEntries(
        ["Retry-After", "RateLimit", "RateLimit-Policy"].map((name) => [name, { schema: { type: "string" } }]),
      ),
      content,
    },
    ...Object.fromEntries(own),
  };
}

/** What a client may switch on: the reason of google.rpc.ErrorInfo. */
function reasonsText(name: string, files: readonly DescFile[]): string {
  // All versions of a contract refuse by the same reasons.
  const enums = files
    .filter(({ proto }) => unversioned(proto.package) === unversioned(name))
    .flatMap(({ enums }) => enums);
  const rows = enums.flatMap(({ values }) => values.filter((value) => hasOption(value, error)).map(reasonRow));
  const text = "An error, with the HTTP status of its code.";
  if (rows.length === 0) return text;
  const head = "| status | code | reason | message |\n|---|---|---|---|";
  return `${text} The details may hold a google.rpc.ErrorInfo with one of these reasons:\n\n${head}\n${rows.join("\n")}`;
}

function unversioned(name: string): string {
  return name.replace(/\.v\d+\w*$/, "");
}

function reasonRow(value: DescEnumValue): string {
  const { code, message } = getOption(value, error);
  // Both enums hold the codes of gRPC.
  const status = statusOf(code as number as ConnectCode);
  return `| ${status} | ${CodeSchema.value[code]?.name ?? code} | \`${value.name}\` | ${message.replaceAll("|", "\\|")} |`;
}
