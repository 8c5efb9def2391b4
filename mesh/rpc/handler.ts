import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Caller, User } from "#mesh/identity";
import type { Logger, TraceContext } from "#mesh/telemetry";

/** What a handler knows about its call besides the request. */
export interface RpcContext {
  readonly method: DescMethod;
  /** Aborts at the deadline and when the caller goes away; not after the call has ended. */
  readonly signal: AbortSignal;
  /** When the call must have ended, in milliseconds since the epoch: the caller's deadline or the policy's. */
  readonly deadline: number;
  readonly caller: Caller;
  /** The span of this call. */
  readonly trace: TraceContext;
  /** Log whose lines carry method, request id and trace id. */
  readonly log: Logger;
  /** The request's metadata; "-bin" values are base64. */
  readonly requestHeader: Headers;
  /** Sent before the first message. */
  readonly responseHeader: Headers;
  /** Sent with the status. */
  readonly responseTrailer: Headers;
}

/** The handler of one method: one shape for each of the four kinds of call. */
export type RpcHandler<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, context: RpcContext) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, context: RpcContext) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, context: RpcContext) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageShape<I>>, context: RpcContext) => AsyncIterable<MessageInitShape<O>>
          : never;

/** The handlers of a service, one for every method. */
export type RpcHandlers<S extends DescService> = { readonly [K in keyof S["method"]]: RpcHandler<S["method"][K]> };

/** A handler whose types are known only to its descriptor. */
export type AnyRpcHandler = (request: never, context: RpcContext) => unknown;

/** A service and its handlers by method name, ready to be served. */
export interface RpcService {
  readonly service: DescService;
  readonly handlers: Readonly<Record<string, AnyRpcHandler>>;
}

/** Joins a service with its handlers. A missing handler, or one that no method asks for, does not compile. */
export function implement<S extends DescService>(service: S, handlers: RpcHandlers<S>): RpcService {
  return { service, handlers };
}

/** The user on whose behalf the call comes. Throws ConnectError Unauthenticated when nobody is signed in. */
export function requireUser(context: Pick<RpcContext, "caller">): User {
  const { user } = context.caller;
  if (!user) throw new ConnectError("sign in and send the access token", Code.Unauthenticated);
  return user;
}
