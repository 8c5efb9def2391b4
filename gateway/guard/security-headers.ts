import type { Exchange } from "../http/exchange.ts";

/** An answer is data: no browser may guess its type, run or frame it, or tell others where it came from. */
const always = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
};
/** For a year nobody goes back to plaintext. */
const overTls = { "strict-transport-security": "max-age=31536000" };

/** Adds the security headers of answers; `tls` tells whether the gateway's own port speaks TLS. gRPC has none of them. */
export function createSecurityHeaders(tls: boolean): (exchange: Exchange) => void {
  const added = tls ? { ...always, ...overTls } : always;
  return ({ request, headers }) => {
    if (!request.headers["content-type"]?.startsWith("application/grpc")) Object.assign(headers, added);
  };
}
