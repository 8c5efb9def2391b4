import type { Logger } from "#mesh/telemetry";
import { logRequest } from "./access-log.ts";
import { byTurn } from "./by-turn.ts";
import type { ClientLimits } from "./client-limits.ts";
import { beginExchange, type Exchange, endExchange } from "./exchange.ts";
import { createHeldBytes } from "./held-bytes.ts";
import { type HttpRequest, type HttpResponse, whenSent } from "./message.ts";
import { discardRest } from "./read-body.ts";
import type { RequestMetrics } from "./request-metrics.ts";
import type { Upgrade } from "./upgrade.ts";

/** What watches and bounds requests. */
export interface Watching {
  readonly clients: ClientLimits;
  readonly log: Logger;
  readonly metrics: RequestMetrics;
}

/**
 * Makes the listener of a server, which begins an exchange for each request, counts and logs it at its end, and has it
 * handled.
 */
export function answerRequests(
  handle: (exchange: Exchange, upgrade?: Upgrade) => void,
  { clients, log, metrics }: Watching,
) {
  const handOn = byTurn<Exchange>((exchange) => handle(exchange));
  const intake = { ...clients, count: createHeldBytes(clients.maxHeldBytes) };
  return (request: HttpRequest, response: HttpResponse, upgrade?: Upgrade): void => {
    const exchange = beginExchange(request, response, intake);
    metrics.begun();
    whenSent(request, response, () => {
      exchange.delivered = true;
      discardRest(request);
    });
    response.on("close", () => {
      endExchange(exchange);
      logRequest(exchange, log);
      metrics.ended(exchange);
    });
    // A socket that breaks is seen by "close"; without a listener its error would end the process.
    response.on("error", (error) => log.debug({ err: error, requestId: exchange.requestId }, "socket failed"));
    if (upgrade) handle(exchange, upgrade);
    else handOn(exchange);
  };
}
