import {
  type ChannelCredentials,
  credentials,
  Channel as GrpcChannel,
  type ChannelOptions as GrpcOptions,
  type StatusObject,
} from "@grpc/grpc-js";
import type { Call, CallListener, CallRequest, Channel } from "./channel.ts";
import { fromSent, toReceived } from "./grpc-js-metadata.ts";

/** What the calls of grpc-js are made to. */
export interface GrpcJsChannelOptions {
  /** host:port. */
  readonly address: string;
  /** Largest message that is received, in bytes. */
  readonly maxReceiveBytes: number;
  /** What it connects with. Default: plain text. */
  readonly credentials?: ChannelCredentials;
  /** Further options of grpc-js. */
  readonly more?: GrpcOptions;
}

type GrpcCall = ReturnType<GrpcChannel["createCall"]>;

/** A channel of grpc-js: the reference for the mesh's own in tests, and what can be chosen instead of it. */
export function createGrpcJsChannel(options: GrpcJsChannelOptions): Channel {
  const channel = new GrpcChannel(options.address, options.credentials ?? credentials.createInsecure(), {
    ...options.more,
    "grpc.max_receive_message_length": options.maxReceiveBytes,
    "grpc.enable_channelz": 0,
    // Contracts say what a service config would, and no TXT record should change it.
    "grpc.service_config_disable_resolution": 1,
    // Neighbours restart: the default of up to two minutes between attempts would keep them away for as long.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2_000,
    // Load balancers drop idle connections without a word; a ping finds out before a call does.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
  });
  return {
    start: (request, listener) =>
      startCall(channel.createCall(request.path, request.deadlineMs, null, null, null), request, listener),
    close: () => channel.close(),
  };
}

function startCall(call: GrpcCall, { metadata, message }: CallRequest, listener: CallListener): Call {
  call.start(fromSent(metadata), {
    onReceiveMetadata: (received) => listener.onHeader(toReceived(received)),
    onReceiveMessage: (received: Buffer) => listener.onMessage(received),
    onReceiveStatus: (status) => listener.onEnd(statusOf(status)),
  });
  if (message) {
    call.sendMessageWithContext({}, asBuffer(message));
    call.halfClose();
  }
  return {
    write(next) {
      call.sendMessageWithContext({ callback: () => listener.onWritable() }, asBuffer(next));
      return false;
    },
    halfClose: () => call.halfClose(),
    read: () => call.startRead(),
    cancel: (code, details) => call.cancelWithStatus(code, details),
  };
}

function statusOf({ code, details, metadata }: StatusObject) {
  return { code, message: unescapeReserved(details), trailer: toReceived(metadata) };
}

/**
 * grpc-js decodes messages with decodeURI, which leaves the escapes of reserved characters in place; other servers
 * escape those too, as the gRPC protocol allows.
 */
function unescapeReserved(message: string): string {
  return message.replace(/%(?:2[346BCF]|3[ABDF]|40)/gi, (escaped) => decodeURIComponent(escaped));
}

function asBuffer(message: Uint8Array): Buffer {
  return Buffer.from(message.buffer, message.byteOffset, message.length);
}
