import type { OutgoingHttpHeaders } from "node:http";
import type { Exchange } from "./exchange.ts";
import type { HttpResponse } from "./message.ts";

/** Adds a value to a header of the answer; the name is in lower case. */
export function appendHeader({ headers }: Pick<Exchange, "headers">, name: string, value: string): void {
  const before = headers[name];
  if (before === undefined) headers[name] = value;
  else headers[name] = Array.isArray(before) ? [...before, value] : [String(before), value];
}

/** The headers that have been gathered, and others that replace those of the same name. */
export function headersWith({ headers }: Pick<Exchange, "headers">, others: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const all = { ...headers };
  for (const name in others) all[name.toLowerCase()] = others[name];
  return all;
}

/** Begins the answer with the headers that have been gathered, and others that replace those of the same name. */
export function beginAnswer(exchange: Exchange, status: number, others: OutgoingHttpHeaders): HttpResponse {
  return exchange.response.writeHead(status, headersWith(exchange, others));
}
