import { appendHeader } from "../http/answer-head.ts";
import type { Exchange } from "../http/exchange.ts";

/** Cross-origin rules. */
export interface Cors {
  /** Adds what lets a page of an allowed origin read the answer. */
  allow(exchange: Exchange): void;
  /** Whether pages of an origin may call. */
  admits(origin: string): boolean;
  /** The method that a page of an allowed origin asks for ahead of its request; undefined for any other request. */
  askedMethod(exchange: Exchange): string | undefined;
  /** Headers of the answer to such a question, for a path with these methods. */
  preflight(exchange: Exchange, methods: readonly string[]): Record<string, string>;
}

/** Who may call from where, and with what. */
export interface CorsOptions {
  /** Origins such as "https://shop.example"; "*" stands for all. */
  readonly origins: readonly string[];
  /** Names of headers that pages may send besides those that the gateway itself reads. */
  readonly headers: readonly string[];
  /** Whether pages from the internet may call a gateway in a private network (WICG Private Network Access). */
  readonly privateNetwork: boolean;
}

/** What the gateway reads of requests, or passes on, and a page may not send unasked. */
const readHeaders = [
  ...["Authorization", "Content-Type", "Content-Encoding", "Idempotency-Key", "If-None-Match", "Last-Event-ID"],
  ...["X-Request-Id", "Traceparent", "Tracestate", "X-Server-Timeout", "X-Grpc-Web", "X-User-Agent", "Grpc-Timeout"],
  ...["Connect-Protocol-Version", "Connect-Timeout-Ms", "Connect-Content-Encoding", "Connect-Accept-Encoding"],
  ...["Grpc-Encoding", "Grpc-Accept-Encoding"],
];
const preflightSeconds = 7_200;

/**
 * Creates the rules. Credentials are tokens in a header, never cookies, so Access-Control-Allow-Credentials is not sent,
 * and pages may read every header of an answer.
 */
export function createCors({ origins, headers, privateNetwork }: CorsOptions): Cors {
  const listed = new Set(origins);
  const all = listed.has("*");
  const allowedHeaders = [...readHeaders, ...headers].join(", ");
  const admits = (origin: string) => all || listed.has(origin);

  return {
    admits,
    allow(exchange) {
      if (listed.size === 0) return;
      const { request, headers: answer } = exchange;
      const { origin } = request.headers;
      // Without Vary, a cache would give the answer for one origin, or for none, to a page of another.
      if (!all) appendHeader(exchange, "vary", "Origin");
      if (!all && (origin === undefined || !listed.has(origin))) return;
      answer["access-control-allow-origin"] = all ? "*" : (origin ?? "");
      answer["access-control-expose-headers"] = "*";
    },
    askedMethod({ request, method }) {
      const { origin, "access-control-request-method": asked } = request.headers;
      return method === "OPTIONS" && origin !== undefined && admits(origin) ? asked : undefined;
    },
    preflight(exchange, methods) {
      if (this.askedMethod(exchange) === undefined) return {};
      const asksForPrivate = exchange.request.headers["access-control-request-private-network"] === "true";
      return {
        "Access-Control-Allow-Methods": methods.join(", "),
        "Access-Control-Allow-Headers": allowedHeaders,
        "Access-Control-Max-Age": String(preflightSeconds),
        ...(privateNetwork && asksForPrivate && { "Access-Control-Allow-Private-Network": "true" }),
      };
    },
  };
}
