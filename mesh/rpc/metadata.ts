import { Metadata } from "@grpc/grpc-js";
import { isProtocolName, isSendableName, toAscii } from "#mesh/channel";

/**
 * Metadata whose "-bin" values leave without padding: gRPC asks for that of those who send, and for both forms of those
 * who receive (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */
export class SentMetadata extends Metadata {
  /** grpc-js sends a copy. */
  override clone(): SentMetadata {
    const copy = new SentMetadata(this.getOptions());
    copy.merge(this);
    return copy;
  }

  override toHttp2Headers(): ReturnType<Metadata["toHttp2Headers"]> {
    const headers = super.toHttp2Headers();
    for (const [name, value] of Object.entries(headers)) {
      if (name.endsWith("-bin")) headers[name] = [value ?? []].flat().map((each) => String(each).replace(/=+$/, ""));
    }
    return headers;
  }
}

/** Reads metadata as headers; "-bin" values become base64. */
export function toHeaders(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    if (!Array.isArray(values) || isProtocolName(name)) continue;
    for (const value of values) headers.append(name, Buffer.isBuffer(value) ? value.toString("base64") : String(value));
  }
  return headers;
}

/**
 * Adds headers to metadata. Base64 becomes bytes in "-bin" values; a value that gRPC cannot carry as text is
 * percent-encoded; names that it does not allow, or sets itself, are left out.
 */
export function addHeaders(metadata: Metadata, headers: Headers): Metadata {
  for (const [name, value] of headers) {
    if (!isSendableName(name)) continue;
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
