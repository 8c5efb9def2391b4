import { Metadata } from "@grpc/grpc-js";
import type { ReceivedMetadata, SentMetadata } from "#mesh/channel";

// Set by the protocol for each hop, never by an application.
const PROTOCOL = /^(:.*|grpc-.*|te|content-type|connection|host|transfer-encoding|content-length|accept-encoding)$/;

/** Reads metadata as headers; "-bin" values become base64. */
export function toHeaders(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    if (!Array.isArray(values) || PROTOCOL.test(name)) continue;
    for (const value of values) headers.append(name, Buffer.isBuffer(value) ? value.toString("base64") : String(value));
  }
  return headers;
}

// Narrower than what HTTP allows: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Header-Name".
const LEGAL_NAME = /^[0-9a-z_.-]+$/;

/**
 * Adds headers to metadata. Base64 becomes bytes in "-bin" values; a value that gRPC cannot carry as text is
 * percent-encoded; names that it does not allow, or sets itself, are left out.
 */
export function addHeaders(metadata: Metadata, headers: Headers): Metadata {
  for (const [name, value] of headers) {
    if (PROTOCOL.test(name) || !LEGAL_NAME.test(name)) continue;
    if (!name.endsWith("-bin")) metadata.add(name, toAscii(value));
    else for (const part of value.split(",")) metadata.add(name, Buffer.from(part.trim(), "base64"));
  }
  return metadata;
}

/** The first text value of a key. */
export function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === "string" ? value : undefined;
}

function toAscii(value: string): string {
  return /^[ -~]*$/.test(value) ? value : encodeURI(value.toWellFormed());
}

/** Metadata as the channel sends it, as grpc-js holds it. */
export function fromSent(names: SentMetadata): Metadata {
  const metadata = new Metadata();
  for (let at = 0; at + 1 < names.length; at += 2) {
    const [name = "", value = ""] = names.slice(at, at + 2);
    metadata.add(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

/** Metadata as grpc-js holds it, as the channel receives it. */
export function toReceived(metadata: Metadata): ReceivedMetadata {
  const entries = Object.entries(metadata.toJSON()).filter(([, values]) => Array.isArray(values));
  return Object.fromEntries(entries.map(([name, values]) => [name, [values].flat().map(receivedText)]));
}

function receivedText(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString("base64") : String(value);
}
