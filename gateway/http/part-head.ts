import { badField } from "./edge-error.ts";
import { readParameters } from "./header-parameters.ts";

/** What a part of a form says of itself (RFC 7578, section 4). */
export interface PartHead {
  readonly name: string;
  /** As it is written; undefined for none. */
  readonly contentType: string | undefined;
  /** Undefined for a part that is no file, "" for an input in which nobody has chosen one. */
  readonly fileName: string | undefined;
}

/**
 * Reads the headers of a part; the line breaks before and after them are off. Throws 400 for what is not understood: a
 * part is never passed over.
 */
export function readPartHead(text: string): PartHead {
  const headers = headersOf(text);
  const disposition = readParameters(headers.get("content-disposition") ?? "");
  const name = disposition?.type === "form-data" ? disposition.parameters.get("name") : undefined;
  if (disposition === undefined || !name) {
    throw badField("form", "", 'a part lacks a Content-Disposition such as form-data; name="title"');
  }
  const contentType = headers.get("content-type");
  if (contentType?.toLowerCase().startsWith("multipart/")) {
    throw badField("form", "", "holds parts itself: give each file a part of its own", name);
  }
  const transfer = headers.get("content-transfer-encoding")?.toLowerCase() ?? "binary";
  if (!/^(?:7bit|8bit|binary)$/.test(transfer)) {
    throw badField("form", "", `is encoded as ${transfer}: send its bytes as they are`, name);
  }
  return { name, contentType, fileName: disposition.parameters.get("filename") };
}

function headersOf(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of text === "" ? [] : text.split("\r\n")) {
    const [, name = "", value = ""] = /^([\w!#$%&'*+.^`|~-]+):(.*)$/.exec(line) ?? [];
    const key = name.toLowerCase();
    if (key === "" || headers.has(key)) throw badField("form", "", "a part begins with lines that are no headers");
    headers.set(key, value.trim());
  }
  return headers;
}
