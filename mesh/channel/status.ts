import { constants } from "node:http2";

/**
 * Status codes of gRPC as far as this channel makes them itself
 * (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).
 */
export const Status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** Metadata as it came: a value, or the values of a name that came several times. Binary values are base64. */
export type ReceivedMetadata = Readonly<Record<string, string | readonly string[] | undefined>>;

/** How a call has ended. */
export interface CallStatus {
  /** Status code of gRPC, 0 for success. */
  readonly code: number;
  readonly message: string;
  readonly trailer: ReceivedMetadata;
  /**
   * Why no application has seen the call, so that it may be sent again whatever it does: no connection could be had
   * ("unsent"), or the server has said that it did not look at it, or the connection broke before anything of it was
   * written ("refused"; gRFC A6, "Transparent Retries").
   */
  readonly unprocessed?: "unsent" | "refused";
}

const NO_METADATA: ReceivedMetadata = {};

/** A status that this side makes. */
export function localStatus(code: number, message: string, unprocessed?: "unsent" | "refused"): CallStatus {
  return { code, message, trailer: NO_METADATA, ...(unprocessed && { unprocessed }) };
}

/** Thrown inside the channel for what ends a call with a status. */
export class StatusError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Reads the status in trailers; undefined when they hold none. */
export function readStatus(trailer: ReceivedMetadata): CallStatus | undefined {
  const text = trailer["grpc-status"];
  if (text === undefined) return undefined;
  const message = trailer["grpc-message"];
  const decoded = typeof message === "string" ? decodeMessage(message) : "";
  if (typeof text === "string" && /^\d{1,9}$/.test(text)) return { code: Number(text), message: decoded, trailer };
  return { code: Status.UNKNOWN, message: `the server sent no valid grpc-status, but "${text}"`, trailer };
}

/**
 * Decodes grpc-message, which is UTF-8 with percent-encoding. What is encoded badly is kept as it is, as the protocol
 * asks for (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Status-Message").
 */
export function decodeMessage(text: string): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  const source = Buffer.from(text);
  for (let at = 0; at < source.length; at++) {
    const digits = source[at] === PERCENT ? source.toString("latin1", at + 1, at + 3) : "";
    if (!HEX.test(digits)) {
      bytes.push(source[at] ?? 0);
      continue;
    }
    bytes.push(Number.parseInt(digits, 16));
    at += 2;
  }
  return Buffer.from(bytes).toString();
}

const PERCENT = 0x25;
const HEX = /^[0-9a-fA-F]{2}$/;

/**
 * The status of an answer that has none of gRPC, by its HTTP status
 * (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
 */
export function statusOfHttp(httpStatus: number, why: string): CallStatus {
  return localStatus(HTTP_CODES[httpStatus] ?? Status.UNKNOWN, `HTTP status ${httpStatus}: ${why}`);
}

const HTTP_CODES: Readonly<Record<number, number>> = {
  400: Status.INTERNAL,
  401: Status.UNAUTHENTICATED,
  403: Status.PERMISSION_DENIED,
  404: Status.UNIMPLEMENTED,
  429: Status.UNAVAILABLE,
  502: Status.UNAVAILABLE,
  503: Status.UNAVAILABLE,
  504: Status.UNAVAILABLE,
};

/** The status of a stream that the server has reset, by the code (PROTOCOL-HTTP2.md, "HTTP2 Transport Mapping, Errors"). */
export function statusOfReset(code: number): CallStatus {
  if (code === constants.NGHTTP2_REFUSED_STREAM) {
    return localStatus(Status.UNAVAILABLE, "the server refused the stream", "refused");
  }
  const status = RESET_CODES[code] ?? Status.UNKNOWN;
  return localStatus(status, `the server reset the stream with HTTP/2 code ${code} before it sent a status`);
}

const RESET_CODES: Readonly<Record<number, number>> = {
  [constants.NGHTTP2_NO_ERROR]: Status.INTERNAL,
  [constants.NGHTTP2_PROTOCOL_ERROR]: Status.INTERNAL,
  [constants.NGHTTP2_INTERNAL_ERROR]: Status.INTERNAL,
  [constants.NGHTTP2_FLOW_CONTROL_ERROR]: Status.INTERNAL,
  [constants.NGHTTP2_SETTINGS_TIMEOUT]: Status.INTERNAL,
  [constants.NGHTTP2_FRAME_SIZE_ERROR]: Status.INTERNAL,
  [constants.NGHTTP2_COMPRESSION_ERROR]: Status.INTERNAL,
  [constants.NGHTTP2_CONNECT_ERROR]: Status.INTERNAL,
  [constants.NGHTTP2_CANCEL]: Status.CANCELLED,
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: Status.RESOURCE_EXHAUSTED,
  [constants.NGHTTP2_INADEQUATE_SECURITY]: Status.PERMISSION_DENIED,
};
