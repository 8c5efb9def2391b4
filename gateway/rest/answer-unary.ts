import { isRead, sendCacheable } from "../caching/send-cacheable.ts";
import type { Exchange } from "../http/exchange.ts";
import { send } from "../http/send.ts";
import { readResponse } from "./print-answer.ts";
import type { Route } from "./route-table.ts";

/** The response to a call, and what it was made with. */
export interface UnaryResponse {
  /** Encoded. */
  readonly response: Uint8Array;
  readonly pretty: boolean;
  /** Names of request headers that the service has seen. */
  readonly forwardHeaders: readonly string[];
}

/** Sends the response of a unary call as its route says: JSON, the bytes of an HttpBody, or nothing with 204. */
export function answerUnary(exchange: Exchange, route: Route, answer: UnaryResponse): void {
  const { response, pretty, forwardHeaders } = answer;
  const { policy, success, rawAnswer } = route;
  const location = success.locate?.(readResponse(policy.method.output, response));
  const headers: Record<string, string> = location === undefined ? {} : { Location: location };
  if (success.status === 204) {
    send(exchange, 204, headers);
    return;
  }
  const raw = rawAnswer?.(response);
  if (raw) headers["Content-Type"] = raw.contentType || "application/octet-stream";
  const body = raw ? raw.data : route.printResponse(response, pretty);
  if (isRead(exchange, policy.method)) sendCacheable(exchange, { policy, forwardHeaders, headers, body });
  else send(exchange, success.status, headers, body);
}
