import { Http2ServerResponse } from "node:http2";
import type { HttpResponse } from "./message.ts";

/**
 * Ends an answer that is not complete so that nobody takes it for complete: HTTP/1.1 loses its connection before the
 * last chunk, HTTP/2 resets the stream with an error. (A stream's `close` would end the answer first.)
 */
export function breakOff(response: HttpResponse): void {
  if (response instanceof Http2ServerResponse) response.stream.destroy(new Error("the answer was broken off"));
  else response.destroy();
}
