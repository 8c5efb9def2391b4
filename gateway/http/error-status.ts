import { create, type DescMessage, fromBinary, type JsonValue, type Registry, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { isUnseen } from "#mesh/rpc";
import { hasNamedFields } from "../rest/well-known-text.ts";
import { EdgeError } from "./edge-error.ts";
import type { Exchange } from "./exchange.ts";

/** HTTP status of each code, as google/rpc/code.proto has it. */
const statuses: Readonly<Record<Code, number>> = {
  [Code.Canceled]: 499,
  [Code.Unknown]: 500,
  [Code.InvalidArgument]: 400,
  [Code.DeadlineExceeded]: 504,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.FailedPrecondition]: 400,
  [Code.Aborted]: 409,
  [Code.OutOfRange]: 400,
  [Code.Unimplemented]: 501,
  [Code.Internal]: 500,
  [Code.Unavailable]: 503,
  [Code.DataLoss]: 500,
  [Code.Unauthenticated]: 401,
};

/** HTTP status of a code. */
export function statusOf(code: Code): number {
  return statuses[code] ?? 500;
}

/** HTTP status of an error. */
export function httpStatusOf(error: ConnectError): number {
  return (error instanceof EdgeError ? error.status : undefined) ?? statusOf(error.code);
}

/**
 * Headers that belong to an error in every protocol: WWW-Authenticate, and Retry-After for RetryInfo. `credentials`
 * tells whether the request carried any, which a 401 must say (RFC 6750, section 3.1).
 */
export function errorHeaders(error: ConnectError, credentials: boolean): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.code === Code.Unauthenticated) {
    headers["WWW-Authenticate"] = credentials ? 'Bearer error="invalid_token"' : "Bearer";
  }
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay) headers["Retry-After"] = String(Math.max(0, Number(delay.seconds) + (delay.nanos > 0 ? 1 : 0)));
  return headers;
}

/** google.rpc.Status in ProtoJSON. */
export function statusJson(error: ConnectError, registry: Registry): JsonValue {
  return { code: error.code, message: error.rawMessage, details: detailsJson(error, registry) };
}

/** The details of an error, each as an Any in ProtoJSON. */
export function detailsJson(error: ConnectError, registry: Registry): JsonValue[] {
  return error.details.map((detail) => detailJson(detail, registry));
}

type Detail = ConnectError["details"][number];

/** A detail of an unknown type keeps its bytes: it must not break the answer. */
function detailJson(detail: Detail, registry: Registry): JsonValue {
  if ("desc" in detail)
    return anyJson(detail.desc, toJson(detail.desc, create(detail.desc, detail.value), { registry }));
  const desc = registry.getMessage(detail.type);
  if (desc === undefined) return bytesJson(detail.type, detail.value);
  try {
    return anyJson(desc, toJson(desc, fromBinary(desc, detail.value), { registry }));
  } catch {
    // Bytes that are not the message they claim to be, or that hold a type nobody knows.
    return bytesJson(detail.type, detail.value);
  }
}

function bytesJson(type: string, value: Uint8Array): JsonValue {
  return { "@type": `type.googleapis.com/${type}`, value: Buffer.from(value).toString("base64") };
}

function anyJson(desc: DescMessage, json: JsonValue): JsonValue {
  const type = { "@type": `type.googleapis.com/${desc.typeName}` };
  const members = typeof json === "object" && json !== null && !Array.isArray(json) && hasNamedFields(desc);
  return members ? { ...type, ...json } : { ...type, value: json };
}

/**
 * Makes a ConnectError of whatever was thrown, and notes its code. What nobody expected becomes "internal error" with
 * the request's id; the log has the rest.
 */
export function toConnectError(thrown: unknown, { notes, requestId }: Exchange): ConnectError {
  const expected = thrown instanceof ConnectError;
  if (!expected) notes.fault = thrown;
  const error = expected ? thrown : new ConnectError(`internal error (request ${requestId})`, Code.Internal);
  notes.code = error.code;
  notes.unseen = isUnseen(error);
  return error;
}
