import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import type { Exchange } from "../http/exchange.ts";

/** What stands between clients and the gateway. */
export interface Proxies {
  /** How many proxies of one's own each request passes; 0: clients reach the gateway themselves. */
  readonly count: number;
  /** The header in which they say whom they speak for; any other is a client's own and is not believed. */
  readonly header: "x-forwarded-for" | "forwarded";
}

/** What of a request tells where it comes from. */
export interface Arrival {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** The client that a request comes from, as its address; "unknown" for one without, such as over a Unix socket. */
export type ClientAddress = (arrival: Arrival) => string;

/**
 * Finds the client's address. Each proxy adds the address that it was reached from at the right end of the header
 * (RFC 7239, section 5.2, for Forwarded), so with n proxies the n-th from the right is the client's: what stands left of
 * it may be made up. Where the header has fewer, or something else than an address there, the request has not come
 * through the proxies, and the other end of the connection counts.
 */
export function clientAddress({ count, header }: Proxies): ClientAddress {
  return ({ headers, socket }) => {
    const { remoteAddress = "unknown" } = socket;
    if (count === 0) return canonical(remoteAddress) ?? remoteAddress;
    const said = headers[header];
    const hops =
      said === undefined ? [] : header === "forwarded" ? forwardedFor(String(said)) : String(said).split(",");
    return canonical(hops.at(-count) ?? "") ?? canonical(remoteAddress) ?? remoteAddress;
  };
}

/** What the calls of an exchange's client are counted by: see addressPrefix. */
export type ClientOf = (exchange: Exchange) => string;

/** Finds that once for each exchange: several limits ask for it. */
export function createClientOf(proxies: Proxies): ClientOf {
  const addressOf = clientAddress(proxies);
  return (exchange) => {
    exchange.client ??= addressPrefix(addressOf(exchange.request));
    return exchange.client;
  };
}

/**
 * What one client's calls are counted by: its IPv4 address, or the first 64 bits of its IPv6 address, since a client
 * commonly has all that begin alike.
 */
export function addressPrefix(address: string): string {
  if (isIP(address) !== 6) return address;
  return `${groupsOf(address).slice(0, 4).join(":")}::/64`;
}

/** An address without port, brackets, zone and white space, IPv4 where it is that within IPv6; undefined for none. */
function canonical(text: string): string | undefined {
  if (isIP(text) === 4) return text;
  const trimmed = text.trim();
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(trimmed)?.[1] ?? /^([\d.]+):\d+$/.exec(trimmed)?.[1] ?? trimmed;
  const [address = ""] = bare.split("%");
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? address;
  return isIP(mapped) === 0 ? undefined : mapped.toLowerCase();
}

/** Values of "for" in a Forwarded header, in order; an element without one holds its place. */
function forwardedFor(header: string): string[] {
  return splitOutsideQuotes(header, ",").map((element) => {
    const pairs = splitOutsideQuotes(element, ";").map((pair) => /^\s*for\s*=\s*(.*?)\s*$/i.exec(pair)?.[1]);
    return (pairs.find((value) => value !== undefined) ?? "").replace(/^"(.*)"$/, "$1").replaceAll(/\\(.)/g, "$1");
  });
}

function splitOutsideQuotes(text: string, separator: "," | ";"): string[] {
  const parts = [""];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (char === '"') quoted = !quoted;
    if (char === separator && !quoted) {
      parts.push("");
      continue;
    }
    // A quoted pair is taken whole: the quote in it ends nothing.
    const taken = char === "\\" && quoted ? text.slice(at, ++at + 1) : char;
    parts.push(`${parts.pop()}${taken}`);
  }
  return parts;
}

/** The eight groups of an IPv6 address, in hexadecimal without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = "", tail] = address.split("::");
  const left = groupsIn(head);
  const right = groupsIn(tail ?? "");
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(zeros).fill("0"), ...right];
}

function groupsIn(text: string): string[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16).toString(16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)];
  });
}
