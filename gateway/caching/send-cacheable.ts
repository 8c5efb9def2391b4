import { hash } from "node:crypto";
import type { OutgoingHttpHeaders } from "node:http";
import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import type { CachingPolicy, MethodPolicy } from "#mesh/contract";
import { appendHeader } from "../http/answer-head.ts";
import { type Exchange, headerOf } from "../http/exchange.ts";
import { send } from "../http/send.ts";

/** Whether a request only reads, so that its answer may be kept by whoever asked. */
export function isRead({ method }: Pick<Exchange, "method">, { idempotency }: DescMethod): boolean {
  return (method === "GET" || method === "HEAD") && idempotency === Idempotency.NO_SIDE_EFFECTS;
}

/** A successful answer to a request that only reads. */
export interface CacheableAnswer {
  readonly policy: Pick<MethodPolicy, "caching">;
  /** Names of request headers that the service sees; one that ends with "*" stands for all that begin so. */
  readonly forwardHeaders: readonly string[];
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Uint8Array;
}

/**
 * Sends the answer with an ETag of its content (weak, since compressed or not it is the same), or 304 without it where the
 * client has just that (RFC 9110, section 13.1.2). Cache-Control is what the service has sent as metadata, else what the
 * contract allows, else to ask each time (RFC 9111, section 5.2.2).
 */
export function sendCacheable(exchange: Exchange, { policy, forwardHeaders, headers, body }: CacheableAnswer): void {
  const said = (name: string) => headers[name] ?? exchange.headers[name];
  const control = said("cache-control")?.toString() ?? cacheControl(policy.caching, forwardHeaders);
  const etag = String(said("etag") ?? `W/"${hash("sha1", body, "base64url")}"`);
  const own = { ...headers, "cache-control": control, etag };
  for (const name of variants(policy.caching, forwardHeaders)) appendHeader(exchange, "vary", name);
  if (isKnown(headerOf(exchange.request, "if-none-match"), etag)) {
    appendHeader(exchange, "vary", "Accept-Encoding");
    send(exchange, 304, own);
  } else send(exchange, 200, own, body);
}

/** What a service sees of a request changes its answer: unless each such header has a name, caches have to ask. */
function cacheControl(caching: CachingPolicy | undefined, forwardHeaders: readonly string[]): string {
  const whose = caching?.shared ? "public" : "private";
  const named = forwardHeaders.every((name) => !name.endsWith("*"));
  return caching && named ? `${whose}, max-age=${Math.floor(caching.maxAgeMs / 1_000)}` : `${whose}, no-cache`;
}

function variants(caching: CachingPolicy | undefined, forwardHeaders: readonly string[]): string[] {
  const named = forwardHeaders.filter((name) => !name.endsWith("*"));
  return caching?.shared ? named : ["Authorization", ...named];
}

/** Compares weakly, as If-None-Match does; a list is compared tag by tag. */
function isKnown(known: string | undefined, etag: string): boolean {
  if (known === undefined) return false;
  if (known.trim() === "*") return true;
  const opaque = etag.replace(/^W\//, "");
  return [...known.matchAll(/(?:W\/)?("[^"]*")/g)].some(([, tag]) => tag === opaque);
}
