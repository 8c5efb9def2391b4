import type { ReceivedMetadata } from "./status.ts";

/** Metadata to send: names and values in turn, as encodeMetadata makes them. */
export type SentMetadata = readonly string[];

// Set by the protocol for each hop, never by an application; the last of them HTTP/2 does not allow (RFC 9113, 8.2.2).
const PROTOCOL = new RegExp(
  "^(:.*|grpc-.*|te|content-type|host|content-length|accept-encoding" +
    "|connection|transfer-encoding|keep-alive|proxy-connection|upgrade|http2-settings)$",
);
// Narrower than what HTTP allows: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Header-Name".
const LEGAL_NAME = /^[0-9a-z_.-]+$/;
const ASCII = /^[ -~]*$/;

/** Whether a name is the protocol's own: an application neither sees nor sets it. */
export function isProtocolName(name: string): boolean {
  return PROTOCOL.test(name);
}

/** Whether an application may send metadata of this name. */
export function isSendableName(name: string): boolean {
  return LEGAL_NAME.test(name) && !PROTOCOL.test(name);
}

/** Text as gRPC can carry it: percent-encoded where it is more than printable ASCII. */
export function toAscii(value: string): string {
  return ASCII.test(value) ? value : encodeURI(value.toWellFormed());
}

/**
 * Appends a header to metadata. Base64 in "-bin" values loses its padding, as the protocol asks for; a value that gRPC
 * cannot carry as text is percent-encoded; a name that it does not allow, or sets itself, is left out.
 */
export function appendMetadata(metadata: string[], name: string, value: string): void {
  if (!isSendableName(name)) return;
  if (!name.endsWith("-bin")) {
    metadata.push(name, toAscii(value));
    return;
  }
  for (const bytes of readBinary(value)) metadata.push(name, bytes.toString("base64").replace(/=+$/, ""));
}

/** Headers as metadata, by the rules of appendMetadata. */
export function encodeMetadata(headers: Headers): SentMetadata {
  const metadata: string[] = [];
  for (const [name, value] of headers) appendMetadata(metadata, name, value);
  return metadata;
}

/** Reads metadata as headers, without what belongs to the protocol. Binary values are base64 with padding. */
export function decodeMetadata(metadata: ReceivedMetadata): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(metadata)) {
    if (value === undefined || isProtocolName(name)) continue;
    for (const each of typeof value === "string" ? [value] : value) {
      if (!name.endsWith("-bin")) headers.append(name, each);
      else for (const bytes of readBinary(each)) headers.append(name, bytes.toString("base64"));
    }
  }
  return headers;
}

/** The first value of a "-bin" name. */
export function binaryValue(metadata: ReceivedMetadata, name: string): Buffer | undefined {
  const value = metadata[name];
  const first = typeof value === "string" ? value : value?.[0];
  return first === undefined ? undefined : readBinary(first)[0];
}

/** Several values may come as one with commas between, and with or without padding. */
function readBinary(value: string): Buffer[] {
  return value.split(",").map((part) => Buffer.from(part.trim(), "base64"));
}
