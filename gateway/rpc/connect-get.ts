import { Code, ConnectError } from "@connectrpc/connect";
import { findEncoding, inflate } from "../http/compression.ts";
import { type Dialect, dialectOf } from "./content-type.ts";
import { unknownEncoding } from "./message-frames.ts";
import type { RpcMethod } from "./rpc-method.ts";

/** The dialect of a Connect GET (https://connectrpc.com/docs/protocol, "Unary-Get-Request"); undefined for another request. */
export function dialectOfGet(query: string): Dialect | undefined {
  const encoding = new URLSearchParams(query).get("encoding");
  return encoding === "json" || encoding === "proto" ? dialectOf(`application/${encoding}`) : undefined;
}

/** Reads the message in a query. Throws a ConnectError for one that cannot be read. */
export function readGetMessage(query: string, { maxMessageBytes }: RpcMethod): Uint8Array {
  const parameters = new URLSearchParams(query);
  const version = parameters.get("connect");
  if (version !== null && version !== "v1") {
    throw new ConnectError(`connect must be "v1", not "${version}"`, Code.InvalidArgument);
  }
  const text = parameters.get("message");
  if (text === null) throw new ConnectError('the query has no "message"', Code.InvalidArgument);
  const name = parameters.get("compression") ?? undefined;
  const encoding = findEncoding(name);
  if (encoding === undefined) throw unknownEncoding(name ?? "");
  const message = parameters.get("base64") === "1" ? fromBase64(text) : Buffer.from(text);
  if (message.length > maxMessageBytes) {
    throw new ConnectError(`the message is larger than ${maxMessageBytes} bytes`, Code.ResourceExhausted);
  }
  return encoding ? inflate(encoding, message, maxMessageBytes) : message;
}

/** Either alphabet, with or without padding. */
function fromBase64(text: string): Buffer {
  if (/^[\w+/-]*={0,2}$/.test(text)) return Buffer.from(text, "base64");
  throw new ConnectError('"message" is no base64', Code.InvalidArgument);
}
