import type { EventEmitter } from "node:events";
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Http2ServerRequest } from "node:http2";

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
  readonly writableFinished: boolean;
  readonly writableEnded: boolean;
  readonly writableLength: number;
  /** HTTP/2 only. */
  readonly stream?: { readonly rstCode: number };
  setHeader(name: string, value: number | string | readonly string[]): unknown;
  appendHeader(name: string, value: string | string[]): unknown;
  getHeader(name: string): number | string | string[] | undefined;
  hasHeader(name: string): boolean;
  removeHeader(name: string): void;
  writeHead(status: number, headers?: OutgoingHttpHeaders): this;
  /** HTTP/1.1 holds a head back until there is a body, HTTP/2 does not. */
  flushHeaders(): void;
  writeContinue(): void;
  write(chunk: string | Uint8Array, written?: (error?: Error | null) => void): boolean;
  addTrailers(trailers: OutgoingHttpHeaders): void;
  end(chunk?: string | Uint8Array): unknown;
  destroy(error?: Error): unknown;
}

/** Once an answer is over: whether the client was there to the end of it. */
export function wasDelivered(response: HttpResponse): boolean {
  // HTTP/2 calls a stream finished, too, that its client has reset.
  if (response.stream) return response.writableEnded && response.stream.rstCode === 0;
  return response.writableFinished;
}

/** Status written for an answer that the client did not wait for. */
const clientGone = 499;

/** Once an answer is over: the status that it had. */
export function statusOfAnswer(response: HttpResponse): number {
  return wasDelivered(response) ? response.statusCode : clientGone;
}
