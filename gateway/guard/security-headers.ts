import type { Exchange } from "../http/exchange.ts";

/** An answer is data: no browser may guess its type, run or frame it, or tell others where it came from. */
const always: readonly (readonly [string, string])[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
  ["Referrer-Policy", "no-referrer"],
];
/** For a year nobody goes back to plaintext. */
const overTls = ["Strict-Transport-Security", "max-age=31536000"] as const;

/** Adds the security headers of answers; `tls` tells whether the gateway's own port speaks TLS. gRPC has none of them. */
export function createSecurityHeaders(tls: boolean): (exchange: Exchange) => void {
  const headers = tls ? [...always, overTls] : always;
  return ({ request, response }) => {
    if (request.headers["content-type"]?.startsWith("application/grpc")) return;
    for (const [name, value] of headers) response.setHeader(name, value);
  };
}
