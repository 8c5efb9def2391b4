import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import type { Metadata } from "@grpc/grpc-js";
import { type Status, StatusSchema } from "#gen/google/rpc/status_pb.ts";
import { binaryValue, type CallStatus, type ReceivedMetadata } from "#mesh/channel";

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

/** Writes details into trailers. Details that would not fit are left out: the code and message still arrive. */
export function writeDetails(trailer: Metadata, status: { code: number; message: string; details: Any[] }): void {
  if (status.details.length === 0) return;
  const bytes = toBinary(StatusSchema, create(StatusSchema, status));
  if (bytes.length <= MAX_DETAILS_BYTES)
    trailer.set(DETAILS, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
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
