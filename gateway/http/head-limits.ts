import { Code } from "@connectrpc/connect";
import type { HttpRequest, HttpResponse } from "./message.ts";

/** Largest head of a request, in bytes, and longest request target within it. */
export const maxHeadBytes = 16 * 1024;
const maxTargetLength = 8 * 1024;

const messages = {
  414: `the request target is longer than ${maxTargetLength} bytes`,
  431: `the head is larger than ${maxHeadBytes} bytes`,
};

/** Answers a request whose head is too large with 431 or 414; false for all others. */
export function refuseLargeHead(request: HttpRequest, response: HttpResponse): boolean {
  const status = statusOf(request);
  if (status === undefined) return false;
  const body = JSON.stringify({ code: Code.ResourceExhausted, message: messages[status], details: [] });
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": body.length }).end(body);
  return true;
}

function statusOf(request: HttpRequest): 431 | 414 | undefined {
  if ((request.url?.length ?? 0) > maxTargetLength) return 414;
  // Of HTTP/1.1 the parser refuses it; for HTTP/2 the limit is only announced.
  if (request.httpVersionMajor < 2) return undefined;
  let bytes = 0;
  for (const text of request.rawHeaders) bytes += text.length;
  return bytes > maxHeadBytes ? 431 : undefined;
}
