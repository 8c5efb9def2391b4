import type { Registry } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { StreamLimits } from "../config.ts";
import type { Gate } from "../guard/authenticate.ts";
import { EdgeError } from "../http/edge-error.ts";
import { type Exchange, headerOf, remainingMs } from "../http/exchange.ts";
import { formType } from "../http/multipart.ts";
import { mediaTypeOf, readBody, refuseBody } from "../http/read-body.ts";
import { readTimeout } from "../http/timeout.ts";
import { isClientStreaming, isServerStreaming, isUnary } from "../rpc/method-kind.ts";
import { callUnary, type Upstreams } from "../upstream/call-upstream.ts";
import { answerUnary } from "./answer-unary.ts";
import type { HttpParts } from "./bind.ts";
import { asksForPretty } from "./bind-query.ts";
import { answerExplanation } from "./explain.ts";
import { type FoundRoute, findRoute } from "./find-route.ts";
import { nameSources } from "./name-sources.ts";
import { readForm } from "./read-form.ts";
import { readRequestStream } from "./request-stream.ts";
import type { RouteTable } from "./route-table.ts";
import { transcodeRequests, transcodeResponses } from "./transcode-stream.ts";

/** What REST needs. */
export interface TranscoderOptions {
  readonly table: RouteTable;
  readonly gate: Gate;
  readonly upstreams: Upstreams;
  readonly registry: Registry;
  /** Largest body, in bytes. */
  readonly maxBodyBytes: number;
  readonly streams: StreamLimits;
  /** Aborts when the gateway cuts off what still runs. */
  cut(): AbortSignal;
  /** Whether `X-Explain: 1` is answered with how the request is bound. */
  readonly explain: boolean;
}

/** Answers a request by the rules of google.api.http. What it throws is the answer's error. */
export type Transcode = (exchange: Exchange) => Promise<void>;

/** Creates the REST side: match the raw path, admit the caller, read the body, bind, call, print. */
export function createTranscoder(options: TranscoderOptions): Transcode {
  const { table, gate, upstreams, maxBodyBytes, registry } = options;
  return async (exchange) => {
    const { request } = exchange;
    const { route, values } = findRoute(table, exchange);
    const { method, caching } = route.policy;
    exchange.notes.route = route.template.text;
    await gate(exchange, route.policy);
    const askedMs = readTimeout(request.headers);
    const transport = upstreams.channel(method.parent);
    if (route.onlyBySocket) throw needsSocket(exchange);
    if (isClientStreaming(method)) {
      const messages = readRequestStream(exchange, { route, values, limitBytes: maxBodyBytes });
      const timeoutMs = remainingMs(exchange, route.policy, askedMs);
      return transcodeRequests(exchange, { method, messages }, { ...options, route, transport, timeoutMs });
    }
    const parts = await readParts(exchange, { route, values }, maxBodyBytes);
    if (options.explain && headerOf(request, "x-explain") === "1") {
      answerExplanation(exchange, { route, parts, message: route.bind(parts), registry });
      return;
    }
    if (isServerStreaming(method)) {
      const message = route.bind(parts);
      const timeoutMs = remainingMs(exchange, route.policy, askedMs);
      return transcodeResponses(exchange, { method, message }, { ...options, route, transport, timeoutMs });
    }
    if (!isUnary(method)) throw new TypeError(`${route.template.text} serves streams in both directions`);
    const message = route.encode(parts);
    const pretty = asksForPretty(exchange.query);
    const timeoutMs = remainingMs(exchange, route.policy, askedMs);
    const { beforeCall } = exchange;
    // The same form has another boundary each time.
    if (beforeCall && (await beforeCall(parts.form ? message : parts.body))) return;
    try {
      const response = await callUnary(exchange, transport, { method, message, timeoutMs, caching });
      answerUnary(exchange, route, { response, pretty, forwardHeaders: transport.metadata.forwardHeaders });
    } catch (thrown) {
      throw thrown instanceof ConnectError ? nameSources(route, thrown, parts.form ? "form" : "body") : thrown;
    }
  };
}

/** Reads the body as the route takes it. */
async function readParts(exchange: Exchange, { route, values }: FoundRoute, limitBytes: number): Promise<HttpParts> {
  const { form, takesRawBody } = route;
  const { request, query } = exchange;
  const contentType = request.headers["content-type"];
  if (route.body === "") {
    await refuseBody(exchange);
    return { values, query, body: undefined, contentType };
  }
  const otherType = form && formType;
  const body = await readBody(exchange, { limitBytes, anyType: takesRawBody, otherType });
  if (form === undefined || mediaTypeOf(request) !== formType) return { values, query, body, contentType };
  const parts = await readForm(form, { contentType: contentType ?? "", body: body ?? Buffer.alloc(0) });
  return { values, query, body: undefined, contentType, form: parts };
}

function needsSocket({ request }: Exchange): EdgeError {
  // HTTP/2 has no such header.
  const headers: Record<string, string> = request.httpVersionMajor === 1 ? { Upgrade: "websocket" } : {};
  return new EdgeError("this stream is carried by a WebSocket", Code.FailedPrecondition, { status: 426, headers });
}
