import { type OutgoingHttpHeaders, validateHeaderValue } from "node:http";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { ConnectError, type Transport } from "@connectrpc/connect";
import type { Call } from "#mesh/channel";
import type { CachingPolicy } from "#mesh/contract";
import type { ByteCalls, ByteListener } from "#mesh/rpc";
import { runInScope, type Scope } from "#mesh/scope";
import type { UnaryAnswer } from "#mesh/target";
import { isRead } from "../caching/send-cacheable.ts";
import { createSharedCalls, type SharedCalls, type Wait } from "../caching/shared-calls.ts";
import { sharingKey, wantsFresh } from "../caching/sharing-key.ts";
import type { Exchange } from "../http/exchange.ts";
import { createMetadataRules, type MetadataNames, type MetadataRules } from "./metadata-rules.ts";
import { createOwnCalls } from "./own-calls.ts";

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

/** A channel to an upstream, with what passes besides messages. */
export interface UpstreamChannel extends Transport, ByteCalls {
  readonly metadata: MetadataRules;
  /** Calls whose answers several requests wait for. */
  readonly shared: SharedCalls;
}

/** Channels to everything that is behind the gateway. */
export interface Upstreams {
  /** The services behind it. */
  readonly list: readonly Upstream[];
  /** The channel of a service, which passes on whose call it is. */
  channel(service: DescService): UpstreamChannel;
  /** The channel for the gateway's own calls to a service, in nobody's name. */
  ownChannel(service: DescService): UpstreamChannel;
}

/** Returns the channel to an upstream's address; `forwardUser` passes the user's Authorization header on. */
export type OpenChannel = (upstream: Upstream, forwardUser: boolean) => Transport & ByteCalls;

/**
 * Takes one channel of each kind to each address, by the policies of the first contract that is served there. `names` says
 * which metadata passes.
 */
export function createUpstreams(list: readonly Upstream[], open: OpenChannel, names: MetadataNames): Upstreams {
  const metadata = createMetadataRules(names);
  const others = list.filter(({ own }) => own === undefined);
  const first = [...Map.groupBy(others, ({ address }) => address).values()].flatMap(([upstream]) => upstream ?? []);
  const channelsOf = (forwardUser: boolean) =>
    new Map(
      first.map((upstream) => [
        upstream.address,
        { ...open(upstream, forwardUser), metadata, shared: createSharedCalls() },
      ]),
    );
  const [forwarding, nobodys] = [channelsOf(true), channelsOf(false)];
  const own = list.flatMap(({ service, own }) => (own ? [[service.typeName, ownChannel(own, metadata)] as const] : []));
  const owned = new Map(own);
  const addresses = new Map(others.map(({ service, address }) => [service.typeName, address]));
  const channelOf = (channels: ReadonlyMap<string, UpstreamChannel>, { typeName }: DescService) =>
    known(owned.get(typeName) ?? channels.get(addresses.get(typeName) ?? ""), typeName);
  return {
    list: others,
    channel: (service) => channelOf(forwarding, service),
    ownChannel: (service) => channelOf(nobodys, service),
  };
}

function ownChannel(transport: Transport, metadata: MetadataRules): UpstreamChannel {
  return { ...transport, ...createOwnCalls(transport), metadata, shared: createSharedCalls() };
}

/** What of a request goes on to the service: who calls, until when, and under which trace and id. */
function scopeOf(exchange: Exchange, { signal, timeoutMs }: Wait): Scope {
  const { trace, requestId, request, notes } = exchange;
  const { authorization } = request.headers;
  const { explained = false } = notes;
  return { signal, trace, requestId, authorization, explained, deadline: Date.now() + timeoutMs };
}

/** A unary call to be made. */
export interface ByteCall {
  readonly method: DescMethod;
  readonly message: Uint8Array;
  readonly timeoutMs: number;
  /** What the contract says: requests that only read may be answered together with others. */
  readonly caching?: CachingPolicy | undefined;
}

/** Makes a unary call with an encoded message within the request's scope, and notes how long it took. */
export async function callBytes(exchange: Exchange, channel: UpstreamChannel, call: ByteCall): Promise<UnaryAnswer> {
  const { signal } = exchange;
  const { method, message, timeoutMs, caching } = call;
  const startedMs = performance.now();
  const metadata = channel.metadata.forwarded(exchange);
  const make = (wait: Wait) =>
    runInScope(scopeOf(exchange, wait), () =>
      channel.unaryBytes(method, { signal: wait.signal, timeoutMs: wait.timeoutMs, metadata }, message),
    );
  try {
    const alone = caching === undefined || !isRead(exchange, method) || wantsFresh(exchange);
    if (alone) return await make({ signal, timeoutMs });
    const key = sharingKey(exchange, { ...call, caching, forwarded: metadata });
    return await channel.shared.join(key, { signal, timeoutMs }, make);
  } finally {
    exchange.notes.upstreamMs = performance.now() - startedMs;
  }
}

/** Starts a call with streams of encoded messages within the request's scope. */
export function streamBytes(
  exchange: Exchange,
  channel: UpstreamChannel,
  call: { readonly method: DescMethod; readonly timeoutMs: number; readonly listener: ByteListener },
): Promise<Call> {
  const { method, timeoutMs, listener } = call;
  const { signal } = exchange;
  const metadata = channel.metadata.forwarded(exchange);
  return runInScope(scopeOf(exchange, { signal, timeoutMs }), () =>
    channel.streamBytes(method, { signal, timeoutMs, metadata }, listener),
  );
}

/**
 * Calls a unary method for an answer by plain HTTP: the service's metadata become headers of the answer, also when it fails.
 * Returns the response, encoded.
 */
export async function callUnary(exchange: Exchange, channel: UpstreamChannel, call: ByteCall): Promise<Uint8Array> {
  try {
    const answer = await callBytes(exchange, channel, call);
    showAll(exchange, channel.metadata.shown(answer.header));
    showAll(exchange, channel.metadata.shown(answer.trailer));
    return answer.message;
  } catch (thrown) {
    if (thrown instanceof ConnectError) showAll(exchange, channel.metadata.shownOfError(thrown.metadata));
    throw thrown;
  }
}

/** Throws for a value that HTTP does not allow, while there can still be another answer. */
function showAll({ headers }: Exchange, shown: OutgoingHttpHeaders): void {
  for (const name in shown) {
    const value = shown[name];
    if (value === undefined) continue;
    validateHeaderValue(name, String(value));
    headers[name] = value;
  }
}

/** Calls a streaming method with encoded messages within the request's scope; `signal` ends it. Returns the responses, encoded. */
export function callStream(
  exchange: Exchange,
  channel: UpstreamChannel,
  call: {
    readonly method: DescMethod;
    readonly messages: AsyncIterable<Uint8Array>;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<AsyncIterable<Uint8Array>> {
  const { method, messages, timeoutMs, signal } = call;
  const metadata = channel.metadata.forwarded(exchange);
  return runInScope(scopeOf(exchange, { signal, timeoutMs }), () =>
    channel.iterateBytes(method, { signal, timeoutMs, metadata }, messages),
  );
}

function known<T>(channel: T | undefined, name: string): T {
  if (channel === undefined) throw new TypeError(`no channel to ${name}`);
  return channel;
}
