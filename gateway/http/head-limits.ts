import { Code } from "@connectrpc/connect";
import { type HttpRequest, type HttpResponse, whenSent } from "./message.ts";
import { discardRest } from "./read-body.ts";

/** Largest head of a request, in bytes, and longest request target within it. */
export const maxHeadBytes = 16 * 1024;
const maxTargetLength = 8 * 1024;

/** RFC 3986, section 3.2: an IPv6 address, or another host; then perhaps a port. Only HTTP/1.0 may have none. */
const hostPattern = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/i;

interface Refusal {
  readonly code: Code;
  readonly message: string;
  /** What follows is not read: another server in front may have seen another request. */
  readonly ambiguous?: true;
}

const refusals = {
  400: { code: Code.InvalidArgument, message: "there must be one Host, and it a host", ambiguous: true },
  414: { code: Code.ResourceExhausted, message: `the request target is longer than ${maxTargetLength} bytes` },
  431: { code: Code.ResourceExhausted, message: `the head is larger than ${maxHeadBytes} bytes` },
  501: { code: Code.Unimplemented, message: "no Transfer-Encoding is known but chunked", ambiguous: true },
} satisfies Record<number, Refusal>;

/**
 * Answers a request whose head is too large with 431 or 414, and one whose Host or Transfer-Encoding Node lets pass but
 * RFC 9112 does not with 400 or 501; false for all others.
 */
export function refuseHead(request: HttpRequest, response: HttpResponse): boolean {
  const status = statusOf(request);
  if (status === undefined) return false;
  const { code, message, ambiguous }: Refusal = refusals[status];
  whenSent(request, response, () => discardRest(request));
  const body = JSON.stringify({ code, message, details: [] });
  const headers = { "Content-Type": "application/json", "Content-Length": body.length };
  response.writeHead(status, ambiguous ? { ...headers, Connection: "close" } : headers).end(body);
  return true;
}

function statusOf(request: HttpRequest): keyof typeof refusals | undefined {
  if ((request.url?.length ?? 0) > maxTargetLength) return 414;
  if (request.httpVersionMajor < 2) return statusOfFraming(request);
  // Of HTTP/1.1 the parser refuses it; for HTTP/2 the limit is only announced.
  let bytes = 0;
  for (const text of request.rawHeaders) bytes += text.length;
  return bytes > maxHeadBytes ? 431 : undefined;
}

/** RFC 9112, sections 3.2 and 6.1. */
function statusOfFraming({ headers, rawHeaders }: HttpRequest): 400 | 501 | undefined {
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked") return 501;
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === "host") hosts++;
  return hosts > 1 || !hostPattern.test(headers.host ?? "") ? 400 : undefined;
}
