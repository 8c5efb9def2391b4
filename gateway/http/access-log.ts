import { Code } from "@connectrpc/connect";
import type { Logger } from "#mesh/telemetry";
import { type Exchange, statusOfAnswer } from "./exchange.ts";

/**
 * Writes one line when the exchange is over, however it ends. It names the route's template, never the raw path or
 * the query, which hold what people typed.
 */
export function logWhenOver(exchange: Exchange, log: Logger): void {
  const { request, response, method, notes, requestId, trace } = exchange;
  // A request that is cut off loses its socket before the end.
  const peer = request.socket.remoteAddress;
  response.on("close", () => {
    const level = notes.fault === undefined ? "info" : "error";
    log[level](
      {
        method,
        route: notes.route ?? "none",
        status: statusOfAnswer(exchange),
        code: notes.code === undefined ? undefined : Code[notes.code],
        ...timesOf(exchange),
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
  });
}

/** How long it took in all, and of that in the gateway and behind it, in milliseconds. */
function timesOf({ startedMs, notes: { upstreamMs } }: Exchange) {
  const durationMs = performance.now() - startedMs;
  if (upstreamMs === undefined) return { durationMs: round(durationMs) };
  return { durationMs: round(durationMs), gatewayMs: round(durationMs - upstreamMs), upstreamMs: round(upstreamMs) };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
