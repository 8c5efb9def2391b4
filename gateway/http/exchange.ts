import { randomUUID } from "node:crypto";
import type { OutgoingHttpHeaders } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import type { MethodPolicy } from "#mesh/contract";
import { childTrace, newTrace, parseTraceparent, type TraceContext } from "#mesh/telemetry";
import type { CountHeld, HeldBytes } from "./held-bytes.ts";
import type { Answer, HttpRequest, HttpResponse } from "./message.ts";

/** One HTTP request and its answer, with what the gateway knows about it. */
export interface Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  /** HTTP method in capitals. */
  readonly method: string;
  /** Raw path, still percent-encoded, and raw query without "?". */
  readonly path: string;
  readonly query: string;
  /** From the client where it is well-formed, else new. */
  readonly requestId: string;
  readonly trace: TraceContext;
  /** performance.now() at the start. */
  readonly startedMs: number;
  /** Address of the other end of the connection; undefined over a Unix socket. */
  readonly peer: string | undefined;
  /** Aborts when the client goes away before the answer is complete. */
  readonly signal: AbortSignal;
  /** How long the body may take, in milliseconds, where it is read as a whole. */
  readonly bodyTimeoutMs: number;
  /** Largest body, in bytes, where it is a stream. */
  readonly maxUploadBytes: number;
  /** What of the request is in memory. */
  readonly held: HeldBytes;
  /** Headers of the answer, gathered until it begins: Node takes them at once for less. Names in lower case. */
  readonly headers: OutgoingHttpHeaders;
  /** What the access log says besides. */
  readonly notes: Notes;
  /** What the limits count its client's calls by, once one has asked. */
  client: string | undefined;
  /** The answer has been sent to its end. */
  delivered: boolean;
  /** The call goes on when the client goes away: `signal` does not abort. */
  outlivesClient: boolean;
  /** To be asked with the body before a unary call; true: the request is answered already. */
  beforeCall: ((body: Uint8Array | undefined) => Promise<boolean>) | undefined;
  /** Waited for before an answer is sent. */
  beforeAnswer: ((answer: Answer) => Promise<void>) | undefined;
}

/** Filled in along the way. */
export interface Notes {
  /** Template of the route, or path of the rpc; never a path that a client made up. */
  route?: string;
  code?: Code;
  /** Where the answer itself does not tell the status. */
  status?: number;
  upstreamMs?: number;
  /** Whether the client's errors say how calls were made: the token is verified and has the role admin. */
  explained?: boolean;
  /** The service has certainly not seen the call. */
  unseen?: boolean;
  /** The answer is an earlier one, by its Idempotency-Key. */
  replayed?: boolean;
  /** Name of the rate limit that has refused the request. */
  limited?: string;
  /** Refused because too much was under way. */
  shed?: boolean;
  /** An error that nobody expected: the client sees only that there was one. */
  fault?: unknown;
}

/** How much of a request is taken in. */
export interface Intake extends Pick<Exchange, "bodyTimeoutMs" | "maxUploadBytes"> {
  readonly count: CountHeld;
}

const requestIdPattern = /^[\w.:/+=-]{1,128}$/;

/** An exchange as whoever has begun it has to end it. */
export interface BegunExchange extends Exchange {
  /** Aborts `signal`. */
  readonly leaving: AbortController;
}

/** Begins an exchange: names it and traces it. */
export function beginExchange(
  request: HttpRequest,
  response: HttpResponse,
  { bodyTimeoutMs, maxUploadBytes, count }: Intake,
): BegunExchange {
  const startedMs = performance.now();
  const [path, query] = splitTarget(request.url ?? "/");
  const given = headerOf(request, "x-request-id");
  const requestId = given !== undefined && requestIdPattern.test(given) ? given : randomUUID();
  const parent = parseTraceparent(headerOf(request, "traceparent"));
  const leaving = new AbortController();
  return {
    request,
    response,
    method: request.method ?? "GET",
    path,
    query,
    requestId,
    trace: parent ? childTrace(parent) : newTrace(),
    startedMs,
    // A request that is cut off loses its socket before the end.
    peer: request.socket.remoteAddress,
    leaving,
    signal: leaving.signal,
    bodyTimeoutMs,
    maxUploadBytes,
    held: count(),
    headers: { "x-request-id": requestId },
    notes: {},
    client: undefined,
    delivered: false,
    outlivesClient: false,
    beforeCall: undefined,
    beforeAnswer: undefined,
  };
}

/** Ends an exchange whose answer is over: its client has seen it whole, or has gone away. */
export function endExchange({ delivered, outlivesClient, leaving, held }: BegunExchange): void {
  if (!delivered && !outlivesClient) leaving.abort(new ConnectError("the client went away", Code.Canceled));
  held.release();
}

/** Status told of an answer that the client did not wait for. */
const clientGone = 499;

/** Once an answer is over: the status that it had. */
export function statusOfAnswer({ notes, delivered, response }: Exchange): number {
  return notes.status ?? (delivered ? response.statusCode : clientGone);
}

/** Returns a header's value, the first of several. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/**
 * How long the call may take from now, in milliseconds: the method's policy, or less where the client has asked for
 * less and used up part of it. Throws DeadlineExceeded when nothing is left.
 */
export function remainingMs({ startedMs }: Exchange, policy: MethodPolicy, askedMs: number | undefined): number {
  if (askedMs === undefined) return policy.deadlineMs;
  const left = Math.floor(askedMs - (performance.now() - startedMs));
  if (left <= 0) throw new ConnectError("the client's deadline has passed", Code.DeadlineExceeded);
  return Math.min(left, policy.deadlineMs);
}

/** Splits a request target; the absolute form of RFC 9112 section 3.2.2 loses scheme and authority. */
function splitTarget(target: string): [path: string, query: string] {
  const origin = target.startsWith("/") ? target : target.replace(/^https?:\/\/[^/?]*/i, "");
  const mark = origin.indexOf("?");
  const path = mark < 0 ? origin : origin.slice(0, mark);
  return [path === "" ? "/" : path, mark < 0 ? "" : origin.slice(mark + 1)];
}
