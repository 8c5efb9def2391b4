import type { Registry } from "@bufbuild/protobuf";
import { Code, type Transport } from "@connectrpc/connect";
import type { StreamLimits } from "../config.ts";
import type { Gate } from "../guard/authenticate.ts";
import { EdgeError } from "../http/edge-error.ts";
import { type Exchange, headerOf, remainingMs } from "../http/exchange.ts";
import { readBody, refuseBody } from "../http/read-body.ts";
import { readTimeout } from "../http/timeout.ts";
import { isServerStreaming, isUnary } from "../rpc/method-kind.ts";
import { callStream, callUnary, type Upstreams } from "../upstream/call-upstream.ts";
import { answerUnary } from "./answer-unary.ts";
import { findRoute } from "./find-route.ts";
import type { Route, RouteTable } from "./route-table.ts";
import { answerStream } from "./stream-answer.ts";
import { streamFormatOf } from "./stream-format.ts";

/** What REST needs. */
export interface TranscoderOptions {
  readonly table: RouteTable;
  readonly gate: Gate;
  readonly upstreams: Upstreams;
  readonly registry: Registry;
  /** Largest body, in bytes. */
  readonly maxBodyBytes: number;
  readonly streams: StreamLimits;
}

/** Answers a request by the rules of google.api.http. What it throws is the answer's error. */
export type Transcode = (exchange: Exchange) => Promise<void>;

/** Creates the REST side: match the raw path, admit the caller, read the body, bind, call, print. */
export function createTranscoder(options: TranscoderOptions): Transcode {
  const { table, gate, upstreams, maxBodyBytes } = options;
  return async (exchange) => {
    const { request } = exchange;
    const { route, values } = findRoute(table, exchange);
    const { policy } = route;
    exchange.notes.route = route.template.text;
    await gate(exchange, policy);
    const askedMs = readTimeout(request.headers);
    const body = await bodyOf(exchange, route, maxBodyBytes);
    const message = route.bind({ values, query: exchange.query, body, contentType: request.headers["content-type"] });
    const call = { message, timeoutMs: remainingMs(exchange, policy, askedMs) };
    await answer(exchange, route, { ...call, transport: upstreams.channel(policy.method.parent), ...options });
  };
}

async function bodyOf(exchange: Exchange, route: Route, limitBytes: number): Promise<Buffer | undefined> {
  if (route.body !== "") return readBody(exchange, { limitBytes, anyType: route.takesRawBody });
  await refuseBody(exchange);
  return undefined;
}

interface Answering {
  readonly transport: Transport;
  readonly message: Parameters<typeof callUnary>[2]["message"];
  readonly timeoutMs: number;
  readonly registry: Registry;
  readonly streams: StreamLimits;
}

async function answer(exchange: Exchange, route: Route, how: Answering): Promise<void> {
  const { method } = route.policy;
  const { transport, message, timeoutMs, registry, streams } = how;
  if (isUnary(method)) {
    const response = await callUnary(exchange, transport, { method, message, timeoutMs });
    answerUnary(exchange, route, response.message);
    return;
  }
  // The route table takes no method with a stream of requests.
  if (!isServerStreaming(method)) throw new EdgeError(`${method.name} has no REST form`, Code.Unimplemented);
  const format = streamFormatOf(exchange.request.headers.accept);
  const lastEventId = headerOf(exchange.request, "last-event-id");
  if (format.resumes && lastEventId) route.resume?.bind(message, lastEventId);
  await answerStream(exchange, {
    ...{ format, print: route.print, idOf: route.resume?.idOf, registry, limits: streams },
    call: async (signal) =>
      (await callStream(exchange, transport, { method, messages: once(message), timeoutMs, signal })).message,
  });
}

async function* once<T>(value: T): AsyncIterable<T> {
  yield value;
}
