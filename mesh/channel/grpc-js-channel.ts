import {
  type ChannelCredentials,
  connectivityState,
  credentials,
  Channel as GrpcChannel,
  type ChannelOptions as GrpcOptions,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import type { Call, CallListener, CallRequest, Channel } from "./channel.ts";
import { fromSent, toReceived } from "./grpc-js-metadata.ts";
import type { CallStatus } from "./status.ts";

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

/** A channel of grpc-js that says how its connections are. */
export interface GrpcJsChannel extends Channel {
  /** Whether a call would have to wait for another attempt to connect. */
  readonly unreachable: boolean;
}

/** A channel of grpc-js: the reference for the mesh's own in tests, and what can be chosen instead of it. */
export function createGrpcJsChannel(options: GrpcJsChannelOptions): GrpcJsChannel {
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
    get unreachable() {
      return channel.getConnectivityState(false) === connectivityState.TRANSIENT_FAILURE;
    },
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
  const writer = writeInTurn(call, listener);
  return {
    ...writer,
    read: () => call.startRead(),
    cancel: (code, details) => call.cancelWithStatus(code, details),
  };
}

/** grpc-js keeps one message for a call that has no connection yet: each waits until the one before has gone. */
function writeInTurn(call: GrpcCall, listener: CallListener): Pick<Call, "write" | "halfClose"> {
  const waiting: Buffer[] = [];
  let writing = false;
  let halfClosed = false;
  function next(): void {
    const message = waiting.shift();
    writing = message !== undefined;
    if (message) call.sendMessageWithContext({ callback: next }, message);
    else if (halfClosed) call.halfClose();
    else listener.onWritable();
  }
  return {
    write(message) {
      waiting.push(asBuffer(message));
      if (!writing) next();
      return false;
    },
    halfClose() {
      halfClosed = true;
      if (!writing) call.halfClose();
    },
  };
}

function statusOf(ended: StatusObject): CallStatus {
  const { code, details, metadata } = ended;
  const read = { code, message: unescapeReserved(details), trailer: toReceived(metadata) };
  return isUnsent(ended) ? { ...read, unprocessed: "unsent" } : read;
}

/** grpc-js says so in words alone. A server that passes the same words on from its own client sends metadata with them. */
function isUnsent({ code, details, metadata }: StatusObject): boolean {
  const inWords = code === status.UNAVAILABLE && details.startsWith("No connection established");
  return inWords && Object.keys(metadata.getMap()).length === 0;
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
