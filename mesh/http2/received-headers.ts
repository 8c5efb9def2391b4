import type { Field } from "./static-table.ts";

/** Headers as they came. Values of a name that came several times stand in one, with commas (RFC 9110, 5.3). */
export type ReceivedHeaders = Readonly<Record<string, string | undefined>>;

// RFC 9110, 5.6.2, without the capitals that HTTP/2 does not allow (RFC 9113, 8.2.1).
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// RFC 9113, 8.2.1: no NUL, CR or LF.
const ILLEGAL_IN_VALUE = /[\0\r\n]/;
// RFC 9113, 8.2.2.
const OF_HTTP_1 = new Set(["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]);

/**
 * The headers, or the trailers, of a response. Undefined for those that are malformed (RFC 9113, 8.1.1): the stream
 * ends over it.
 */
export function readHeaders(fields: readonly Field[], kind: "headers" | "trailers"): ReceivedHeaders | undefined {
  const headers: Record<string, string | undefined> = Object.create(null);
  for (const [at, { name, value }] of fields.entries()) {
    // The only one that a response has, before all others (RFC 9113, 8.3.2).
    const isStatus = at === 0 && name === ":status" && kind === "headers";
    if (!isStatus && !isAllowed(name, value)) return undefined;
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return kind === "headers" && headers[":status"] === undefined ? undefined : headers;
}

function isAllowed(name: string, value: string): boolean {
  return NAME.test(name) && !OF_HTTP_1.has(name) && !ILLEGAL_IN_VALUE.test(value);
}
