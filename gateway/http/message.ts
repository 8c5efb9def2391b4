import type { EventEmitter } from "node:events";
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { constants, type Http2ServerRequest } from "node:http2";

/** A request of HTTP/1.1 or HTTP/2. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;

/** An answer as it is sent, but for what compresses it. */
export interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  /** Undefined for none. */
  readonly body: string | Uint8Array | undefined;
}

/**
 * An answer of HTTP/1.1 or HTTP/2: what ServerResponse and Http2ServerResponse have in common. Written out, since the
 * overloads of the two make their union uncallable.
 */
export interface HttpResponse extends EventEmitter {
  statusCode: number;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  readonly writableLength: number;
  setHeader(name: string, value: number | string | readonly string[]): unknown;
  writeHead(status: number, headers?: OutgoingHttpHeaders): this;
  /** HTTP/1.1 holds a head back until there is a body, HTTP/2 does not. */
  flushHeaders(): void;
  writeContinue(): void;
  write(chunk: string | Uint8Array, written?: (error?: Error | null) => void): boolean;
  addTrailers(trailers: OutgoingHttpHeaders): void;
  end(chunk?: string | Uint8Array): unknown;
  destroy(error?: Error): unknown;
}

/** Calls back when the end of an answer has been sent, unless its client is gone by then. */
export function whenSent(request: HttpRequest, response: HttpResponse, sent: () => void): void {
  if (!("stream" in request)) {
    response.on("finish", sent);
    return;
  }
  // An answer by HTTP/2 calls itself finished when its stream is closed, and so does a stream that its client has reset.
  const { stream } = request;
  stream.on("finish", () => {
    if (stream.rstCode === constants.NGHTTP2_NO_ERROR) sent();
  });
}
