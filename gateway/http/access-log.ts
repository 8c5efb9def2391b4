import { Code } from "@connectrpc/connect";
import type { Logger } from "#mesh/telemetry";
import { type Exchange, statusOfAnswer } from "./exchange.ts";

/**
 * Writes the line of an exchange that is over, however it has ended. It names the route's template, never the raw path or
 * the query, which hold what people typed.
 */
export function logRequest(exchange: Exchange, log: Logger): void {
  const { request, method, notes, requestId, trace, peer, startedMs } = exchange;
  const { upstreamMs } = notes;
  const durationMs = performance.now() - startedMs;
  const level = notes.fault === undefined ? "info" : "error";
  log[level](
    {
      method,
      route: notes.route ?? "none",
      status: statusOfAnswer(exchange),
      code: notes.code === undefined ? undefined : Code[notes.code],
      durationMs: round(durationMs),
      gatewayMs: upstreamMs === undefined ? undefined : round(durationMs - upstreamMs),
      upstreamMs: upstreamMs === undefined ? undefined : round(upstreamMs),
      protocol: `HTTP/${request.httpVersion}`,
      limited: notes.limited,
      replayed: notes.replayed,
      shed: notes.shed,
      requestId,
      traceId: trace.traceId,
      peer,
      err: notes.fault,
    },
    "request",
  );
}

/** Times are told in hundredths of a millisecond. */
function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
