import type { Registry } from "@bufbuild/protobuf";
import { errorAnswer, toConnectError } from "./error-status.ts";
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

/** Sends an error as google.rpc.Status with its HTTP status. Does nothing when an answer has begun. */
export function sendError(exchange: Exchange, thrown: unknown, registry: Registry): void {
  const error = toConnectError(thrown, exchange);
  const answer = errorAnswer(error, registry, exchange.request.headers.authorization !== undefined);
  send(exchange, answer.status, answer.headers, answer.body);
}
