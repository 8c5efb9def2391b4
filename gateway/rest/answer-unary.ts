import type { Message } from "@bufbuild/protobuf";
import type { Exchange } from "../http/exchange.ts";
import { send } from "../http/send.ts";
import type { Route } from "./route-table.ts";

/** Sends the response of a unary call as its route says: JSON, the bytes of an HttpBody, or nothing with 204. */
export function answerUnary(
  exchange: Exchange,
  route: Route,
  { response, pretty }: { readonly response: Message; readonly pretty: boolean },
): void {
  const { status, locate } = route.success;
  const location = locate?.(response);
  const headers: Record<string, string> = location === undefined ? {} : { Location: location };
  const raw = route.rawAnswer?.(response);
  if (status === 204) send(exchange, status, headers);
  else if (raw) send(exchange, status, { ...headers, ...contentTypeOf(raw.contentType) }, raw.data);
  else send(exchange, status, headers, route.print(response, pretty));
}

function contentTypeOf(contentType: string): { "Content-Type": string } {
  return { "Content-Type": contentType || "application/octet-stream" };
}
