import type { Registry } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { EdgeError } from "../http/edge-error.ts";
import { httpStatusOf, toConnectError } from "../http/error-status.ts";
import type { Exchange } from "../http/exchange.ts";
import { send } from "../http/send.ts";
import { dialectOfGet } from "./connect-get.ts";
import { answerConnectUnary } from "./connect-unary.ts";
import { acceptedTypes, type Dialect, dialectOf } from "./content-type.ts";
import { FramedAnswer } from "./framed-answer.ts";
import { answerFramed } from "./framed-call.ts";
import { connectErrorJson, headersOfError } from "./rpc-error.ts";
import { createRpcMethods, type RpcMethod, type RpcOptions } from "./rpc-method.ts";

/** The side of the gateway that is called by rpc path: /package.Service/Method. */
export interface RpcEdge {
  /** Whether a request is this side's: its path is that of a method which people may call, or it speaks gRPC. */
  serves(exchange: Exchange): boolean;
  /** HTTP methods that a path takes, none for one that is not served. */
  methodsOf(path: string): readonly string[];
  /** Answers by Connect, gRPC-Web or gRPC. Throws an EdgeError for a request that is none of them. */
  handle(exchange: Exchange): Promise<void>;
  /** Answers with an error, in the form that the client understands. */
  refuse(exchange: Exchange, refusal: unknown): void;
}

/**
 * Serves methods by Connect, gRPC-Web and gRPC, straight from HTTP to the channel of their service. The gate runs before a
 * body is read; messages, errors and their details pass through, metadata as far as it may.
 */
export function createRpcEdge(options: RpcOptions): RpcEdge {
  const methods = createRpcMethods(options);
  return {
    serves: (exchange) => methods.has(exchange.path) || speaksGrpc(exchange) || speaksConnect(exchange),
    methodsOf(path) {
      const rpc = methods.get(path);
      return rpc ? methodsOf(rpc) : [];
    },
    refuse(exchange, refusal) {
      const dialect = dialectOf(exchange.request.headers["content-type"]);
      if (dialect?.framed) new FramedAnswer(exchange, dialect, options.registry).end(refusal, {});
      else sendRefusal(exchange, refusal, options.registry);
    },
    async handle(exchange) {
      try {
        const rpc = methods.get(exchange.path);
        if (rpc === undefined) return refuseUnknown(exchange);
        exchange.notes.route = rpc.path;
        const dialect = chooseDialect(exchange, rpc);
        return dialect.framed ? answerFramed(exchange, rpc, dialect) : answerConnectUnary(exchange, rpc, dialect);
      } catch (refusal) {
        sendRefusal(exchange, refusal, options.registry);
      }
    },
  };
}

function methodsOf({ policy }: RpcMethod): string[] {
  return takesGet(policy) ? ["GET", "HEAD", "OPTIONS", "POST"] : ["OPTIONS", "POST"];
}

function takesGet({ method }: RpcMethod["policy"]): boolean {
  return method.methodKind === "unary" && method.idempotency === Idempotency.NO_SIDE_EFFECTS;
}

function speaksGrpc({ request, method }: Exchange): boolean {
  const type = request.headers["content-type"];
  return method === "POST" && type !== undefined && /^application\/grpc(?:[-+;]|$)/i.test(type);
}

/** Whether a request says that it is Connect's, which only its clients do. */
function speaksConnect({ request }: Exchange): boolean {
  return request.headers["connect-protocol-version"] !== undefined;
}

/** Sends why a request is no call: to Connect's clients as their error, to others in words, as they go by the status. */
function sendRefusal(exchange: Exchange, refusal: unknown, registry: Registry): void {
  const error = toConnectError(refusal, exchange);
  const headers = headersOfError(error, exchange);
  if (!speaksConnect(exchange)) {
    send(exchange, httpStatusOf(error), { ...headers, "content-type": "text/plain" }, error.rawMessage);
    return;
  }
  const body = JSON.stringify(connectErrorJson(error, registry));
  send(exchange, httpStatusOf(error), { ...headers, "content-type": "application/json" }, body);
}

/** A gRPC client understands only its own answers. */
function refuseUnknown(exchange: Exchange): void {
  const dialect = dialectOf(exchange.request.headers["content-type"]);
  const error = new ConnectError(`there is no method ${exchange.path}`, Code.Unimplemented);
  if (dialect?.protocol === "connect") throw new EdgeError(error.rawMessage, error.code, { status: 404 });
  if (dialect === undefined) throw unsupported(exchange, "application/grpc, application/grpc-web");
  checkVersionOfHttp(exchange, dialect, false);
  new FramedAnswer(exchange, dialect).end(error, {});
}

/** Throws an EdgeError for a method or content type that the rpc does not take, with what it does. */
function chooseDialect(exchange: Exchange, rpc: RpcMethod): Dialect {
  const { method, request, query } = exchange;
  const { methodKind } = rpc.policy.method;
  const isGet = method === "GET" || method === "HEAD";
  if (method !== "POST" && !(isGet && takesGet(rpc.policy))) throw notAllowed(method, methodsOf(rpc));
  const unary = methodKind === "unary";
  const dialect = isGet ? dialectOfGet(query) : dialectOf(request.headers["content-type"]);
  if (dialect === undefined && isGet) {
    throw new EdgeError("the query needs encoding=json or encoding=proto", Code.InvalidArgument, { status: 415 });
  }
  if (dialect === undefined || (dialect.protocol === "connect" && dialect.framed === unary)) {
    throw unsupported(exchange, acceptedTypes(unary));
  }
  checkVersionOfHttp(exchange, dialect, methodKind === "bidi_streaming");
  return dialect;
}

/** HTTP/1.1 has no trailers that clients of gRPC would see, and answers only what was asked in whole. */
function checkVersionOfHttp({ request }: Exchange, { protocol }: Dialect, bothWays: boolean): void {
  if (request.httpVersionMajor >= 2 || (protocol !== "grpc" && !bothWays)) return;
  const instead = bothWays ? "call it over HTTP/2" : "use HTTP/2, or Connect or gRPC-Web over HTTP/1.1";
  const what = protocol === "grpc" ? "gRPC" : "a stream both ways";
  throw new EdgeError(`${what} needs HTTP/2: ${instead}`, Code.Unimplemented, { status: 505 });
}

function notAllowed(method: string, methods: readonly string[]): EdgeError {
  const allow = methods.join(", ");
  // The code that Connect gives to this HTTP status, as to 415.
  return new EdgeError(`this rpc takes ${allow}, not ${method}`, Code.Unknown, {
    status: 405,
    headers: { Allow: allow },
  });
}

function unsupported({ request }: Exchange, accept: string): EdgeError {
  const type = request.headers["content-type"] ?? "";
  return new EdgeError(`this rpc takes ${accept}, not "${type}"`, Code.Unknown, {
    status: 415,
    headers: { "Accept-Post": accept },
  });
}
