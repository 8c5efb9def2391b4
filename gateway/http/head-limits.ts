import type { HttpRequest, HttpResponse } from "./message.ts";

/** Largest head of a request, in bytes, and longest request target within it. */
export const maxHeadBytes = 16 * 1024;
const maxTargetLength = 8 * 1024;

/** Answers a request whose head is too large with 431 or 414; false for all others. */
export function refuseLargeHead(request: HttpRequest, response: HttpResponse): boolean {
  const status = statusOf(request);
  if (status === undefined) return false;
  response.writeHead(status, { "Content-Length": 0 }).end();
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
