import type { DescMethod, DescMethodStreaming, DescMethodUnary, Message, Registry } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextValues,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { MethodPolicy } from "#mesh/contract";
import type { Logger } from "#mesh/telemetry";
import type { Gate } from "../guard/authenticate.ts";
import { EdgeError } from "../http/edge-error.ts";
import { errorHeaders, toConnectError } from "../http/error-status.ts";
import { type Exchange, remainingMs } from "../http/exchange.ts";
import { sendContinue } from "../http/read-body.ts";
import { readTimeout } from "../http/timeout.ts";
import { callStream, callUnary, type Upstreams } from "../upstream/call-upstream.ts";
import { isBidiStreaming, isClientStreaming, isServerStreaming, isUnary } from "./method-kind.ts";

/** What Connect and gRPC-Web need. */
export interface RpcOptions {
  readonly policies: readonly MethodPolicy[];
  readonly gate: Gate;
  readonly upstreams: Upstreams;
  readonly registry: Registry;
  /** Largest message, in bytes. */
  readonly maxMessageBytes: number;
  readonly log: Logger;
}

/** The side of the gateway that is called by rpc path: /package.Service/Method. */
export interface RpcEdge {
  /** Whether a path is that of a method which people may call. */
  serves(path: string): boolean;
  /** Answers by Connect or gRPC-Web. Throws an EdgeError for a request that is neither. */
  handle(exchange: Exchange): Promise<void>;
}

interface Call {
  readonly exchange: Exchange;
  readonly askedMs: number | undefined;
}

const callKey = createContextKey<Call | undefined>(undefined, { description: "the call's exchange" });

/**
 * Serves the given methods by Connect and gRPC-Web. The gate runs before a body is read. Messages, errors and their
 * details pass through; of the services' metadata nothing is shown.
 */
export function createRpcEdge(options: RpcOptions): RpcEdge {
  const policies = new Map(options.policies.map((policy) => [policy.method, policy]));
  const router = createConnectRouter({
    grpc: false,
    readMaxBytes: options.maxMessageBytes,
    acceptCompression: [compressionGzip, compressionBrotli],
    jsonOptions: { registry: options.registry },
    requestGate: (context) => passGate(context, policyOf(policies, context.method), options.gate),
  });
  for (const { method } of options.policies) {
    const bind = (context: HandlerContext) => bound(context, policies, options);
    if (isUnary(method)) serveUnary(router, method, bind);
    else serveStream(router, method, bind);
  }
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return {
    serves: (path) => handlers.has(path),
    handle: (exchange) => handle(exchange, handlers.get(exchange.path), options.log),
  };
}

/** A call with everything that its forwarding needs. */
interface BoundCall {
  readonly exchange: Exchange;
  readonly timeoutMs: number;
  readonly transport: ReturnType<Upstreams["channel"]>;
}

function bound(
  context: HandlerContext,
  policies: ReadonlyMap<DescMethod, MethodPolicy>,
  { upstreams }: RpcOptions,
): BoundCall {
  const { exchange, askedMs } = callOf(context);
  const timeoutMs = remainingMs(exchange, policyOf(policies, context.method), askedMs);
  return { exchange, timeoutMs, transport: upstreams.channel(context.service) };
}

function serveUnary(
  router: ConnectRouter,
  method: DescMethodUnary,
  bind: (context: HandlerContext) => BoundCall,
): void {
  router.rpc(method, async (message: Message, context: HandlerContext) => {
    const { exchange, timeoutMs, transport } = bind(context);
    try {
      return (await callUnary(exchange, transport, { method, message, timeoutMs })).message;
    } catch (thrown) {
      throw relay(thrown, context);
    }
  });
}

function serveStream(router: ConnectRouter, method: DescMethod, bind: (context: HandlerContext) => BoundCall): void {
  if (isServerStreaming(method)) {
    const forward = forwarder(method, bind);
    router.rpc(method, (message: Message, context: HandlerContext) => forward(single(message), context));
  } else if (isClientStreaming(method)) {
    const forward = forwarder(method, bind);
    router.rpc(method, (messages: AsyncIterable<Message>, context: HandlerContext) => last(forward(messages, context)));
  } else if (isBidiStreaming(method)) {
    router.rpc(method, forwarder(method, bind));
  }
}

function forwarder(method: DescMethodStreaming, bind: (context: HandlerContext) => BoundCall) {
  return async function* forward(messages: AsyncIterable<Message>, context: HandlerContext): AsyncIterable<Message> {
    const { exchange, timeoutMs, transport } = bind(context);
    try {
      const response = await callStream(exchange, transport, { method, messages, timeoutMs });
      yield* response.message;
    } catch (thrown) {
      throw relay(thrown, context);
    }
  };
}

async function passGate(context: HandlerContext, policy: MethodPolicy, gate: Gate): Promise<void> {
  const { exchange } = callOf(context);
  try {
    await gate(exchange, policy);
  } catch (thrown) {
    throw relay(thrown, context);
  }
  sendContinue(exchange.request, exchange.response);
}

/** An error as the client may see it: without the service's metadata, with the headers that belong to it. */
function relay(thrown: unknown, context: HandlerContext): ConnectError {
  const { exchange } = callOf(context);
  const error = toConnectError(thrown, exchange);
  const headers = errorHeaders(error, exchange.request.headers.authorization !== undefined);
  const relayed = new ConnectError(error.rawMessage, error.code, headers, undefined, error.cause);
  relayed.details = error.details;
  return relayed;
}

async function handle(exchange: Exchange, handler: UniversalHandler | undefined, log: Logger): Promise<void> {
  const { request } = exchange;
  const response = exchange.response as Parameters<typeof universalResponseToNodeResponse>[1];
  if (handler === undefined) throw new EdgeError("there is nothing at this path", Code.NotFound);
  checkProtocol(exchange, handler);
  exchange.notes.route = handler.requestPath;
  const askedMs = clampTimeouts(exchange);
  const values: ContextValues = createContextValues().set(callKey, { exchange, askedMs });
  const answer = await handler(universalRequestFromNodeRequest(request, response, undefined, values));
  // Its promise never settles after a whole answer was written, so nothing may wait for it.
  universalResponseToNodeResponse(answer, response).catch((error: unknown) => {
    log.debug({ err: error, requestId: exchange.requestId }, "the answer was not delivered");
    response.destroy();
  });
}

/** What connect-node would refuse without a word, refused with what to do instead. */
function checkProtocol({ method, request }: Exchange, handler: UniversalHandler): void {
  if (!handler.allowedMethods.includes(method)) {
    const allow = handler.allowedMethods.join(", ");
    throw new EdgeError(`this rpc takes ${allow}, not ${method}`, Code.Unimplemented, {
      status: 405,
      headers: { Allow: allow },
    });
  }
  const type = request.headers["content-type"] ?? "";
  if (method === "POST" && !handler.supportedContentType(type)) {
    const accept = `${connectTypes(handler.method)}, application/grpc-web+proto, application/grpc-web+json`;
    throw new EdgeError(`this rpc takes ${accept}, not "${type}"`, Code.InvalidArgument, {
      status: 415,
      headers: { "Accept-Post": accept },
    });
  }
}

function connectTypes(method: DescMethod): string {
  const prefix = method.methodKind === "unary" ? "application/" : "application/connect+";
  return `${prefix}json, ${prefix}proto`;
}

/**
 * Reads the timeout and rewrites its header within what a timer can hold: connect-node would start one of up to
 * 10 digits of milliseconds, which overflows and fires at once.
 */
function clampTimeouts({ request }: Exchange): number | undefined {
  const askedMs = readTimeout(request.headers);
  if (request.headers["connect-timeout-ms"] !== undefined) {
    request.headers["connect-timeout-ms"] = String(Math.floor(askedMs ?? 0));
  }
  if (request.headers["grpc-timeout"] !== undefined) request.headers["grpc-timeout"] = grpcTimeout(askedMs ?? 0);
  return askedMs;
}

function grpcTimeout(ms: number): string {
  return ms < 1e8 ? `${Math.floor(ms)}m` : `${Math.floor(ms / 1_000)}S`;
}

function callOf(context: HandlerContext): Call {
  const call = context.values.get(callKey);
  if (call === undefined) throw new TypeError("a call without its exchange");
  return call;
}

function policyOf(policies: ReadonlyMap<DescMethod, MethodPolicy>, method: DescMethod): MethodPolicy {
  const policy = policies.get(method);
  if (policy === undefined) throw new TypeError(`${method.name} has no policy`);
  return policy;
}

async function* single<T>(value: T): AsyncIterable<T> {
  yield value;
}

async function last<T>(values: AsyncIterable<T>): Promise<T> {
  let latest: { value: T } | undefined;
  for await (const value of values) latest = { value };
  if (latest === undefined) throw new ConnectError("the service sent no answer", Code.Internal);
  return latest.value;
}
