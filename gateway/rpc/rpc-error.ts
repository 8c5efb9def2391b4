import type { OutgoingHttpHeaders } from "node:http";
import {
  create,
  type DescMessage,
  fromBinary,
  type JsonObject,
  type Registry,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError } from "@connectrpc/connect";
import { StatusSchema } from "#gen/google/rpc/status_pb.ts";
import { EdgeError } from "../http/edge-error.ts";
import { errorHeaders } from "../http/error-status.ts";
import type { Exchange } from "../http/exchange.ts";

type Detail = ConnectError["details"][number];

/** Details in clients' metadata must not grow beyond what they take: 8 KiB of the usual 16. */
const maxStatusBytes = 8 * 1024;

/** Headers that belong to an error: WWW-Authenticate, Retry-After, and what a refusal of the gateway adds. */
export function headersOfError(error: ConnectError, { request }: Exchange): OutgoingHttpHeaders {
  const own = error instanceof EdgeError ? error.headers : undefined;
  return { ...own, ...errorHeaders(error, request.headers.authorization !== undefined) };
}

/** The name of a code in Connect, such as "not_found". */
export function codeName(code: Code): string {
  return (Code[code] ?? "Unknown").replace(/(?<=[a-z])[A-Z]/g, "_$&").toLowerCase();
}

/** An error in Connect's JSON (https://connectrpc.com/docs/protocol, "Error Codes"). */
export function connectErrorJson({ code, rawMessage, details }: ConnectError, registry: Registry): JsonObject {
  return {
    code: codeName(code),
    ...(rawMessage !== "" && { message: rawMessage }),
    ...(details.length > 0 && { details: details.map((detail) => connectDetail(detail, registry)) }),
  };
}

function connectDetail(detail: Detail, registry: Registry): JsonObject {
  const { type, value } = encoded(detail);
  const debug = debugOf(registry.getMessage(type), value, registry);
  const base64 = Buffer.from(value).toString("base64").replace(/=+$/, "");
  return { type, value: base64, ...(debug !== undefined && { debug }) };
}

/** For people who read it; whoever cannot be shown so still is in the value. */
function debugOf(desc: DescMessage | undefined, value: Uint8Array, registry: Registry) {
  if (!desc) return undefined;
  try {
    return toJson(desc, fromBinary(desc, value), { registry });
  } catch {
    return undefined;
  }
}

/** An error as the trailers of gRPC (PROTOCOL-HTTP2.md, "Responses"). Details that are too large are left out. */
export function grpcTrailers(error: ConnectError | undefined): Record<string, string> {
  if (error === undefined) return { "grpc-status": "0" };
  const { code, rawMessage, details } = error;
  const trailers: Record<string, string> = { "grpc-status": String(code) };
  if (rawMessage !== "") trailers["grpc-message"] = percentEncode(rawMessage);
  if (details.length === 0) return trailers;
  const status = toBinary(
    StatusSchema,
    create(StatusSchema, { code, message: rawMessage, details: details.map(toAny) }),
  );
  if (status.length <= maxStatusBytes) trailers["grpc-status-details-bin"] = unpadded(status);
  return trailers;
}

function toAny(detail: Detail) {
  const { type, value } = encoded(detail);
  return create(AnySchema, { typeUrl: `type.googleapis.com/${type}`, value });
}

function encoded(detail: Detail): { readonly type: string; readonly value: Uint8Array } {
  if (!("desc" in detail)) return detail;
  return { type: detail.desc.typeName, value: toBinary(detail.desc, create(detail.desc, detail.value)) };
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replace(/=+$/, "");
}

/** Percent-encodes what is not printable ASCII, "%" itself, and the spaces at both ends, which a header would lose. */
function percentEncode(text: string): string {
  if (/^(?! )[ -$&-~]*(?<! )$/.test(text)) return text;
  const bytes = Buffer.from(text.toWellFormed());
  let encodedText = "";
  for (const [at, byte] of bytes.entries()) {
    const isOuter = byte === 0x20 && (at === 0 || at === bytes.length - 1);
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25 && !isOuter;
    encodedText += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encodedText;
}
