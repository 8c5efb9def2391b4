import type { AttemptListener } from "./attempt.ts";
import { ChannelCall } from "./channel-call.ts";
import { Endpoint } from "./endpoint.ts";
import type { SentMetadata } from "./metadata.ts";
import type { EndpointOptions } from "./options.ts";
import { type Pick, pickFirst } from "./pick.ts";

/** What is known of a call when it starts. */
export interface CallRequest {
  /** "/shop.order.v1.OrderService/PlaceOrder". */
  readonly path: string;
  /** Made by encodeMetadata. */
  readonly metadata: SentMetadata;
  /** Milliseconds since the epoch; Infinity for none. */
  readonly deadlineMs: number;
  /** Whether the caller itself ends the call at its deadline, so that the channel needs no timer. Default false. */
  readonly watched?: boolean;
  /** The message of a call that sends one. Left out, messages are written, and halfClose ends them. */
  readonly message?: Uint8Array;
  /**
   * Whether the process may end, and the connection may be closed in peace, while the call is under way. Default false.
   * grpc-js's client lets neither.
   */
  readonly background?: boolean;
}

/** Told what comes of a call. Nothing comes after onEnd, and onEnd comes always. */
export type CallListener = AttemptListener;

/** A call that has started. */
export interface Call {
  /** Sends a message. False: there is no room for another one until onWritable. */
  write(message: Uint8Array): boolean;
  /** Says that there are no more messages. */
  halfClose(): void;
  /** Asks for one message, once the one asked for before has come; a caller that asks slowly slows the server down. */
  read(): void;
  /** Ends the call with a status of this side; the server sees it cancelled. */
  cancel(code: number, message: string): void;
}

/** Starts calls. */
export interface Channel {
  /** The listener is never told anything before `start` has returned. */
  start(request: CallRequest, listener: CallListener): Call;
  /** Ends every call UNAVAILABLE, and every later one. */
  close(): void;
}

/** How a channel's calls are made, whatever endpoint they go to. */
export interface CallOptions {
  /** Largest message that is received, in bytes, also once it is inflated. Default 4 MiB. */
  readonly maxReceiveBytes?: number;
  /** Largest message that is sent, in bytes. Default: no limit, the server has its own. */
  readonly maxSendBytes?: number;
  /** Whether messages are compressed with gzip. Default false: it costs more than a data centre's network. */
  readonly gzip?: boolean;
}

/** A channel to one address, or to the first of several that can be reached. */
export interface ChannelOptions extends CallOptions, EndpointOptions {
  /** host:port of each. */
  readonly addresses: readonly string[];
}

/** A channel that can be looked into. */
export interface PooledChannel extends Channel {
  readonly endpoints: readonly Endpoint[];
}

/**
 * Creates a channel of gRPC over HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). It connects
 * with the first call. Throws a TypeError for an address that is not of the form host:port.
 */
export function createChannel(options: ChannelOptions): PooledChannel {
  const endpoints = options.addresses.map((address) => new Endpoint(address, options));
  return {
    endpoints,
    ...startCalls(pickFirst(endpoints), options),
    close() {
      for (const endpoint of endpoints) endpoint.close();
    },
  };
}

/** Starts calls on the endpoints that `pick` chooses. */
export function startCalls(pick: Pick, options: CallOptions): { start: Channel["start"] } {
  const { maxReceiveBytes = 4 * 1024 * 1024, maxSendBytes = Number.POSITIVE_INFINITY, gzip = false } = options;
  const settings = { pick, maxReceiveBytes, maxSendBytes, gzip };
  return { start: (request, listener) => new ChannelCall(request, listener, settings) };
}
