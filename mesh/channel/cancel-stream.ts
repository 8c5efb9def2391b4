import type { ClientHttp2Stream } from "node:http2";
import { addAbortSignal } from "node:stream";

const aborted = AbortSignal.abort();

/**
 * Resets a stream with CANCEL. Its `close` would do the same, but end the request before: a server would take half a
 * stream of requests for the whole, if it looks before the reset has come.
 */
export function cancelStream(stream: ClientHttp2Stream): void {
  addAbortSignal(aborted, stream);
}
