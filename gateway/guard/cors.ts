import type { Exchange } from "../http/exchange.ts";

/** Cross-origin rules. */
export interface Cors {
  /** Adds what lets a page of an allowed origin read the answer. */
  allow(exchange: Exchange): void;
  /** Whether pages of an origin may call. */
  admits(origin: string): boolean;
  /** Headers of the answer to a preflight; none for an origin that is not allowed. */
  preflight(exchange: Exchange, methods: readonly string[]): Record<string, string>;
}

const exposed = "Retry-After, WWW-Authenticate, X-Request-Id, Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin";
const preflightSeconds = 7_200;

/**
 * Creates the rules for a list of origins such as "https://shop.example"; "*" stands for all. Credentials are tokens
 * in a header, never cookies, so Access-Control-Allow-Credentials is not sent.
 */
export function createCors(origins: readonly string[]): Cors {
  const listed = new Set(origins);
  const all = listed.has("*");

  function allowed({ request, response }: Exchange): string | undefined {
    const { origin } = request.headers;
    if (listed.size === 0 || origin === undefined) return undefined;
    if (!all) response.appendHeader("Vary", "Origin");
    return all ? "*" : listed.has(origin) ? origin : undefined;
  }

  return {
    admits: (origin) => all || listed.has(origin),
    allow(exchange) {
      const origin = allowed(exchange);
      if (origin === undefined) return;
      exchange.response.setHeader("Access-Control-Allow-Origin", origin);
      exchange.response.setHeader("Access-Control-Expose-Headers", exposed);
    },
    preflight({ request, response }, methods): Record<string, string> {
      if (!response.hasHeader("Access-Control-Allow-Origin")) return {};
      if (request.headers["access-control-request-method"] === undefined) return {};
      return {
        "Access-Control-Allow-Methods": methods.join(", "),
        "Access-Control-Allow-Headers": request.headers["access-control-request-headers"] ?? "",
        "Access-Control-Max-Age": String(preflightSeconds),
      };
    },
  };
}
