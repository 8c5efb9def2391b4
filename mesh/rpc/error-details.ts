import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import type { Metadata } from "@grpc/grpc-js";
import { type Status, StatusSchema } from "#gen/google/rpc/status_pb.ts";
import { CallExplanationSchema } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import { binaryValue, type CallStatus, type ReceivedMetadata } from "#mesh/channel";
import { type CallExplanation, explanationMessage } from "#mesh/resilience";

/** Metadata that carries google.rpc.Status beside the code and message of gRPC. */
const DETAILS = "grpc-status-details-bin";
// Clients refuse a call whose metadata grows past 16 KiB (HTTP/2 SETTINGS_MAX_HEADER_LIST_SIZE as gRPC sets it).
const MAX_DETAILS_BYTES = 8192;
const TYPE_URL = "type.googleapis.com/";

/** The details of an error, of both kinds that ConnectError holds: to be sent, and received. */
export function packDetails(error: ConnectError): Any[] {
  return error.details.map((detail) => {
    if ("desc" in detail) return anyPack(detail.desc, create(detail.desc, detail.value));
    return create(AnySchema, { typeUrl: TYPE_URL + detail.type, value: detail.value });
  });
}

/**
 * Writes details into trailers. Those that would not fit are left out, the last ones first: code and message still arrive,
 * and what explains calls comes after what a client acts on.
 */
export function writeDetails(trailer: Metadata, status: { code: number; message: string; details: Any[] }): void {
  for (let count = status.details.length; count > 0; count--) {
    const fitting = create(StatusSchema, { ...status, details: status.details.slice(0, count) });
    const bytes = toBinary(StatusSchema, fitting);
    if (bytes.length > MAX_DETAILS_BYTES) continue;
    trailer.set(DETAILS, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    return;
  }
}

/** How a failed call was made, as a detail of its error: heddle.mesh.v1.CallExplanation. */
export function explanationDetail(explanation: CallExplanation): ConnectError["details"][number] {
  const message = create(CallExplanationSchema, explanationMessage(explanation));
  return { type: CallExplanationSchema.typeName, value: toBinary(CallExplanationSchema, message) };
}

/** Makes an error of a status that a server has sent. `headers` become the error's metadata. */
export function readError({ code, message, trailer }: CallStatus, headers: Headers): ConnectError {
  const rich = readStatus(trailer);
  const error = new ConnectError(rich?.message || message, code, headers);
  error.details = (rich?.details ?? []).map(({ typeUrl, value }) => ({
    type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
    value,
  }));
  return error;
}

function readStatus(trailer: ReceivedMetadata): (Message & Pick<Status, "message" | "details">) | undefined {
  const bytes = binaryValue(trailer, DETAILS);
  if (!bytes) return undefined;
  try {
    return fromBinary(StatusSchema, bytes);
  } catch {
    // A status that cannot be read loses its details; its code and message are in headers of their own.
    return undefined;
  }
}
