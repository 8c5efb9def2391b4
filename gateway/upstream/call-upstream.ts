import type { DescMethodStreaming, DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import type { StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";
import { runInScope, type Scope } from "#mesh/scope";
import type { Exchange } from "../http/exchange.ts";

/** A contract and who serves it. */
export interface Upstream {
  readonly service: DescService;
  /** Where: see readTarget. */
  readonly address: string;
  /** Name of the service whose process it is, such as "shop.order". */
  readonly server: string;
  /** Set for a contract that the gateway serves itself. */
  readonly own?: Transport;
}

/** Channels to everything that is behind the gateway. */
export interface Upstreams {
  /** The services behind it. */
  readonly list: readonly Upstream[];
  /** The channel of a service, which passes on whose call it is. */
  channel(service: DescService): Transport;
  /** The channel for the gateway's own calls to a service, in nobody's name. */
  ownChannel(service: DescService): Transport;
}

/** Returns the channel to an upstream's address; `forwardUser` passes the user's Authorization header on. */
export type OpenChannel = (upstream: Upstream, forwardUser: boolean) => Transport;

/** Opens one channel of each kind to each address, by the policies of the first contract that is served there. */
export function createUpstreams(list: readonly Upstream[], open: OpenChannel): Upstreams {
  const others = list.filter(({ own }) => own === undefined);
  const first = [...Map.groupBy(others, ({ address }) => address).values()].flatMap(([upstream]) => upstream ?? []);
  const forwarding = new Map(first.map((upstream) => [upstream.address, open(upstream, true)]));
  const nobodys = new Map(first.map((upstream) => [upstream.address, open(upstream, false)]));
  const byService = new Map(list.map((upstream) => [upstream.service.typeName, upstream]));
  const transportOf = (channels: ReadonlyMap<string, Transport>, { typeName }: DescService) => {
    const upstream = byService.get(typeName);
    return known(upstream?.own ?? channels.get(upstream?.address ?? ""), typeName);
  };
  return {
    list: others,
    channel: (service) => transportOf(forwarding, service),
    ownChannel: (service) => transportOf(nobodys, service),
  };
}

/** What of a request goes on to the service: who calls, until when, and under which trace and id. */
export function scopeOf({ signal, trace, requestId, request, notes }: Exchange, timeoutMs: number): Scope {
  const { authorization } = request.headers;
  const { explained = false } = notes;
  return { signal, trace, requestId, authorization, explained, deadline: Date.now() + timeoutMs };
}

/**
 * Calls a unary method within the request's scope and notes how long it took. Of the client's headers only the
 * language is passed on: nothing that a service would take for the mesh's own word.
 */
export async function callUnary(
  exchange: Exchange,
  transport: Transport,
  call: { readonly method: DescMethodUnary; readonly message: Message; readonly timeoutMs: number },
): Promise<UnaryResponse> {
  const { method, message, timeoutMs } = call;
  const startedMs = performance.now();
  try {
    return await runInScope(scopeOf(exchange, timeoutMs), () =>
      transport.unary(method, exchange.signal, timeoutMs, forwardedHeaders(exchange), message),
    );
  } finally {
    exchange.notes.upstreamMs = performance.now() - startedMs;
  }
}

/** Calls a streaming method within the request's scope. `signal` ends it; default: when the client goes away. */
export function callStream(
  exchange: Exchange,
  transport: Transport,
  call: {
    readonly method: DescMethodStreaming;
    readonly messages: AsyncIterable<Message>;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<StreamResponse> {
  const { method, messages, timeoutMs, signal = exchange.signal } = call;
  return runInScope({ ...scopeOf(exchange, timeoutMs), signal }, () =>
    transport.stream(method, signal, timeoutMs, forwardedHeaders(exchange), messages),
  );
}

function forwardedHeaders({ request }: Exchange): Record<string, string> | undefined {
  const language = request.headers["accept-language"];
  return language === undefined ? undefined : { "accept-language": language };
}

function known<T>(channel: T | undefined, name: string): T {
  if (channel === undefined) throw new TypeError(`no channel to ${name}`);
  return channel;
}
