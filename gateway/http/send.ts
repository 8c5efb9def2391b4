import type { OutgoingHttpHeaders } from "node:http";
import type { Registry } from "@bufbuild/protobuf";
import { appendHeader, beginAnswer, headersWith } from "./answer-head.ts";
import { chooseEncoding, type Encoding, minCompressedBytes } from "./compression.ts";
import { EdgeError } from "./edge-error.ts";
import { dialectOf, type ErrorDialect, printError } from "./error-dialect.ts";
import { errorHeaders, httpStatusOf, toConnectError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Sends a complete answer, compressed where the client takes it and it pays. `body` is JSON unless the headers name a
 * content type; undefined sends none.
 */
export function send(
  exchange: Exchange,
  status: number,
  headers: OutgoingHttpHeaders,
  body?: string | Uint8Array,
): void {
  const { request, response } = exchange;
  if (response.headersSent) return;
  const { beforeAnswer } = exchange;
  if (beforeAnswer) {
    exchange.beforeAnswer = undefined;
    void beforeAnswer({ status, headers, body }).then(() => send(exchange, status, headers, body));
    return;
  }
  if (body === undefined) {
    beginAnswer(exchange, status, headers).end();
    return;
  }
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  const answer = headersWith(exchange, headers);
  answer["content-type"] ??= "application/json";
  if (length >= minCompressedBytes && isCompressible(answer)) {
    appendHeader({ headers: answer }, "vary", "Accept-Encoding");
    const encoding = chooseEncoding(request.headers["accept-encoding"]?.toString());
    if (encoding) return void sendCompressed(exchange, { status, headers: answer, body, encoding });
  }
  answer["content-length"] = length;
  response.writeHead(status, answer).end(body);
}

interface Compressed {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Uint8Array;
  readonly encoding: Encoding;
}

async function sendCompressed({ response }: Exchange, { status, headers, body, encoding }: Compressed): Promise<void> {
  const bytes = await encoding.compress(typeof body === "string" ? Buffer.from(body) : body);
  if (response.headersSent) return;
  const { name } = encoding;
  response.writeHead(status, { ...headers, "content-encoding": name, "content-length": bytes.length }).end(bytes);
}

/** Pictures and archives are compressed already. */
function isCompressible(headers: OutgoingHttpHeaders): boolean {
  if (headers["content-encoding"] !== undefined) return false;
  return /^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml|proto|javascript|yaml))|^image\/svg/i.test(
    String(headers["content-type"]),
  );
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
  appendHeader(exchange, "vary", "Accept");
  const { contentType, json } = printError(error, registry, dialectOf(request.headers.accept, dialect));
  const own = error instanceof EdgeError ? error.headers : {};
  const headers = { ...own, ...errorHeaders(error, request.headers.authorization !== undefined) };
  send(
    exchange,
    httpStatusOf(error),
    { ...headers, "Content-Type": contentType, "Cache-Control": "no-store" },
    JSON.stringify(json),
  );
}
