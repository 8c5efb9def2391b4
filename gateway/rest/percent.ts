import { badField } from "../http/edge-error.ts";

const escapedSlash = /(%2[Ff])/;

/**
 * Decodes everything, "%2F" included: the form of a literal and of a variable that holds one segment.
 * Throws 400 for a broken escape and for bytes that are not UTF-8.
 */
export function decodeSegment(raw: string): string {
  if (!raw.includes("%")) return raw;
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    if (cause instanceof URIError) throw badField("path", "", `"${raw}" is not valid percent-encoded UTF-8`);
    throw cause;
  }
}

/**
 * Decodes everything but "%2F", which stays as written so that a slash inside a segment can be told from one
 * between segments (google/api/http.proto: a variable of several segments). Throws 400 as decodeSegment does.
 */
export function decodeSegments(raw: string): string {
  if (!raw.includes("%")) return raw;
  return raw
    .split(escapedSlash)
    .map((part, index) => (index % 2 === 1 ? part : decodeSegment(part)))
    .join("");
}

/** Decodes a name or value of a query string, where "+" is a space. Throws 400 as decodeSegment does. */
export function decodeQueryPart(raw: string): string {
  const spaced = raw.includes("+") ? raw.replaceAll("+", " ") : raw;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch (cause) {
    if (cause instanceof URIError) throw badField("query", "", `"${raw}" is not valid percent-encoded UTF-8`);
    throw cause;
  }
}
