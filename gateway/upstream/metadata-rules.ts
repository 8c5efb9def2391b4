import type { OutgoingHttpHeaders } from "node:http";
import { appendMetadata, type ReceivedMetadata, type SentMetadata } from "#mesh/channel";
import type { Exchange } from "../http/exchange.ts";

/** Which metadata passes the gateway, besides what it sends itself. */
export interface MetadataNames {
  /** Names of request headers that services see; one that ends with "*" stands for all that begin so. */
  readonly forwardHeaders: readonly string[];
  /** Names of services' headers and trailers that clients see, in the same form. */
  readonly showMetadata: readonly string[];
}

/** Of clients nothing but their language; of services all that is theirs to say. */
export const usualMetadata: MetadataNames = { forwardHeaders: ["accept-language"], showMetadata: ["*"] };

/** What of a request's headers goes on to a service, and what of a service's metadata goes back. */
export interface MetadataRules {
  /** Names of request headers that services see; one that ends with "*" stands for all that begin so. */
  readonly forwardHeaders: readonly string[];
  forwarded(exchange: Exchange): SentMetadata;
  /** Binary values are base64. */
  shown(received: ReceivedMetadata): OutgoingHttpHeaders;
  /** The same of the metadata that came with an error. */
  shownOfError(metadata: Headers): OutgoingHttpHeaders;
}

/**
 * Never passed on, whatever is listed: what belongs to the protocols, to one hop (RFC 9110, section 7.6.1), or to the mesh.
 * The user's token, trace, request id and address are passed on by those who know about them.
 */
const reservedInRequests = new RegExp(
  "^(:.*|grpc-.*|connect-.*|heddle-.*|content-.*|accept|accept-encoding|accept-charset|te|host|user-agent" +
    "|connection|keep-alive|proxy-.*|transfer-encoding|trailer|upgrade|http2-settings|expect" +
    "|authorization|traceparent|x-request-id|x-forwarded-for|x-server-timeout)$",
);
/** What a service may not say in the gateway's name. */
const reservedInAnswers = new RegExp(
  "^(:.*|grpc-.*|connect-.*|heddle-.*|content-.*|trailer-.*|access-control-.*|accept-encoding|date|server|te|host|allow" +
    "|connection|keep-alive|proxy-.*|transfer-encoding|trailer|upgrade|http2-settings|vary|www-authenticate|x-request-id)$",
);

/** Creates the rules. */
export function createMetadataRules({ forwardHeaders, showMetadata }: MetadataNames): MetadataRules {
  const forwards = createNameFilter(forwardHeaders, reservedInRequests);
  const shows = createNameFilter(showMetadata, reservedInAnswers);
  return {
    forwardHeaders,
    forwarded({ request }) {
      const { headers } = request;
      const metadata: string[] = [];
      const hop = hopNames(headers.connection);
      for (const name in headers) {
        if (!forwards(name) || hop?.includes(name)) continue;
        const value = headers[name];
        if (typeof value === "string") appendMetadata(metadata, name, value);
        else for (const each of value ?? []) appendMetadata(metadata, name, each);
      }
      const peer = request.socket?.remoteAddress;
      const before = headers["x-forwarded-for"];
      if (peer) appendMetadata(metadata, "x-forwarded-for", before === undefined ? peer : `${before}, ${peer}`);
      return metadata;
    },
    shown(received) {
      const headers: OutgoingHttpHeaders = {};
      for (const name in received) {
        const value = received[name];
        if (value !== undefined && shows(name)) headers[name] = typeof value === "string" ? value : [...value];
      }
      return headers;
    },
    shownOfError(metadata) {
      const headers: OutgoingHttpHeaders = {};
      for (const [name, value] of metadata) if (shows(name)) headers[name] = value;
      return headers;
    },
  };
}

/** Names that the Connection header binds to this hop. */
function hopNames(connection: string | undefined): string[] | undefined {
  if (connection === undefined || connection === "keep-alive") return undefined;
  return connection.split(",").map((name) => name.trim().toLowerCase());
}

/** How many names a filter remembers: clients make them up. */
const rememberedNames = 1_000;

function createNameFilter(patterns: readonly string[], reserved: RegExp): (name: string) => boolean {
  const lower = patterns.map((pattern) => pattern.toLowerCase());
  const whole = new Set(lower.filter((pattern) => !pattern.endsWith("*")));
  const starts = lower.filter((pattern) => pattern.endsWith("*")).map((pattern) => pattern.slice(0, -1));
  const known = new Map<string, boolean>();
  return (name) => {
    const answer = known.get(name);
    if (answer !== undefined) return answer;
    const passes = !reserved.test(name) && (whole.has(name) || starts.some((start) => name.startsWith(start)));
    if (known.size < rememberedNames) known.set(name, passes);
    return passes;
  };
}
