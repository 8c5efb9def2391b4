import type { Registry } from "@bufbuild/protobuf";
import { EdgeError } from "./edge-error.ts";
import { dialectOf, type ErrorDialect, printError } from "./error-dialect.ts";
import { errorHeaders, httpStatusOf, toConnectError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";

/** Sends a complete answer. `body` is JSON unless the headers name a Content-Type; undefined sends none. */
export function send(
  exchange: Exchange,
  status: number,
  headers: Readonly<Record<string, string | number>>,
  body?: string | Uint8Array,
): void {
  const { response } = exchange;
  if (response.headersSent) return;
  const { beforeAnswer } = exchange;
  if (beforeAnswer) {
    exchange.beforeAnswer = undefined;
    void beforeAnswer({ status, headers, body }).then(() => send(exchange, status, headers, body));
    return;
  }
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  const type = { "Content-Type": "application/json", "Content-Length": length };
  response.writeHead(status, { ...type, ...headers }).end(body);
}

/** How errors are sent. */
export interface ErrorSending {
  readonly registry: Registry;
  /** The dialect for clients that ask for none. */
  readonly dialect: ErrorDialect;
}

/** Sends an error with its HTTP status, in the dialect that the client asks for. Does nothing when an answer has begun. */
export function sendError(exchange: Exchange, thrown: unknown, { registry, dialect }: ErrorSending): void {
  const { request, response } = exchange;
  const error = toConnectError(thrown, exchange);
  if (response.headersSent) return;
  response.appendHeader("Vary", "Accept");
  const { contentType, json } = printError(error, registry, dialectOf(request.headers.accept, dialect));
  const own = error instanceof EdgeError ? error.headers : {};
  const headers = { ...own, ...errorHeaders(error, request.headers.authorization !== undefined) };
  send(exchange, httpStatusOf(error), { ...headers, "Content-Type": contentType }, JSON.stringify(json));
}
