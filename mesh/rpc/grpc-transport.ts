import { performance } from "node:perf_hooks";
import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamResponse, type Transport, type UnaryResponse } from "@connectrpc/connect";
import { Channel, type Metadata, type StatusObject } from "@grpc/grpc-js";
import type { ClientIdentity } from "#mesh/identity";
import type { CallRecord } from "./call-record.ts";
import { readError } from "./error-details.ts";
import { channelCredentials, channelTlsOptions } from "./grpc-credentials.ts";
import { toHeaders, toMetadata } from "./metadata.ts";
import { abortError, type OutgoingCall, onAbort, prepareCall } from "./outgoing-call.ts";
import { pathOf } from "./served-method.ts";

/** Whom a transport calls, and as whom. */
export interface MeshTransportOptions {
  /** host:port. */
  readonly address: string;
  /** Name of the service that is called, such as "shop.order". Needed under TLS, where the server must prove it. */
  readonly service?: string | undefined;
  /** Shows the called service who calls, and tells what it must show. Left out, plain text from no service. */
  readonly identity?: ClientIdentity | undefined;
  /** Whether the user's token of the call that is being served goes along. Default true. */
  readonly forwardUser?: boolean;
  /** Told about each call that has ended. */
  readonly onCallEnd?: (record: CallRecord) => void;
  /** Largest message that is received, in bytes. Default 4 MiB. */
  readonly maxMessageBytes?: number;
}

/** A transport that holds a connection until it is closed. Calls in flight then end Unavailable. */
export type ClosableTransport = Transport & { close(): void };

type Call = ReturnType<Channel["createCall"]>;

/**
 * Creates the transport of a typed client: `createClient(OrderService, createMeshTransport({ address, service }))`. It connects
 * with the first call and again when the connection is lost; a call that finds no server ends Unavailable at once.
 */
export function createMeshTransport(options: MeshTransportOptions): ClosableTransport {
  const channel = new Channel(options.address, channelCredentials(options), {
    ...channelTlsOptions(options),
    "grpc.max_receive_message_length": options.maxMessageBytes ?? 4 * 1024 * 1024,
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
  let closed = false;
  const open = (prepared: OutgoingCall) => {
    if (closed) throw new ConnectError(`the client of ${options.address} is closed`, Code.Unavailable);
    return openCall(channel, prepared, options);
  };
  return {
    // biome-ignore lint/complexity/useMaxParams: the shape of Connect's Transport
    async unary(method, signal, timeoutMs, header, input) {
      const bytes = encode(method.input, input);
      const prepared = await prepareCall(method, { signal, timeoutMs, header }, options);
      return callOnce(open(prepared), method, bytes);
    },
    // biome-ignore lint/complexity/useMaxParams: the shape of Connect's Transport
    async stream(method, signal, timeoutMs, header, input) {
      const prepared = await prepareCall(method, { signal, timeoutMs, header }, options);
      return callStream(open(prepared), method, input);
    },
    close() {
      closed = true;
      channel.close();
    },
  };
}

/** A call that has not started yet. */
interface OpenCall {
  readonly call: Call;
  readonly metadata: Metadata;
  /** To be called once with the status; returns the error that it means, undefined for success. */
  ended(status: StatusObject, header: Metadata | undefined): ConnectError | undefined;
}

function openCall(channel: Channel, prepared: OutgoingCall, options: MeshTransportOptions): OpenCall {
  for (const signal of prepared.signals) if (signal.aborted) throw abortError(signal);
  const { method, deadline, trace, requestId } = prepared;
  const startedAt = performance.now();
  const call = channel.createCall(pathOf(method), deadline, null, null, null);
  const release = onAbort(prepared.signals, (error) => {
    const code: number = error.code;
    call.cancelWithStatus(code, error.rawMessage);
  });
  return {
    call,
    metadata: toMetadata(prepared.header),
    ended(status, header) {
      release();
      const code: number = status.code;
      const durationMs = performance.now() - startedAt;
      options.onCallEnd?.({ side: "client", method, code, durationMs, peer: options.address, trace, requestId });
      if (code === 0) return undefined;
      const headers = header ? toHeaders(header) : new Headers();
      for (const [name, value] of toHeaders(status.metadata)) headers.append(name, value);
      return readError({ code, details: status.details, metadata: status.metadata }, headers);
    },
  };
}

function callOnce<I extends DescMessage, O extends DescMessage>(
  { call, metadata, ended }: OpenCall,
  method: DescMethodUnary<I, O>,
  bytes: Buffer,
): Promise<UnaryResponse<I, O>> {
  return new Promise((resolve, reject) => {
    let header: Metadata | undefined;
    let answer: Buffer | undefined;
    call.start(metadata, {
      onReceiveMetadata: (received) => {
        header = received;
      },
      onReceiveMessage: (received: Buffer) => {
        if (answer) call.cancelWithStatus(Code.Unimplemented.valueOf(), "the server sent more than one response");
        answer = received;
        // The status comes only after everything is read.
        call.startRead();
      },
      onReceiveStatus: (status) => {
        const error = ended(status, header);
        if (error) return reject(error);
        if (!answer) return reject(new ConnectError("the server sent no response", Code.Unimplemented));
        try {
          resolve(unaryResponse(method, decode(method.output, answer), [header, status.metadata]));
        } catch (fault) {
          reject(fault);
        }
      },
    });
    call.sendMessageWithContext({}, bytes);
    call.halfClose();
    call.startRead();
  });
}

/** Headers are read on demand: hardly any caller looks at them. */
function unaryResponse<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  message: MessageShape<O>,
  [header, trailer]: [Metadata | undefined, Metadata],
): UnaryResponse<I, O> {
  return {
    stream: false,
    service: method.parent,
    method,
    message,
    get header() {
      return header ? toHeaders(header) : new Headers();
    },
    get trailer() {
      return toHeaders(trailer);
    },
  };
}

async function callStream<I extends DescMessage, O extends DescMessage>(
  { call, metadata, ended }: OpenCall,
  method: DescMethodStreaming<I, O>,
  input: AsyncIterable<MessageInitShape<I>>,
): Promise<StreamResponse<I, O>> {
  const opened = Promise.withResolvers<void>();
  const trailer = new Headers();
  let header: Metadata | undefined;
  let reader: PromiseWithResolvers<IteratorResult<MessageShape<O>, undefined>> | undefined;
  // What every read after the last message comes to.
  let end: (() => IteratorResult<MessageShape<O>, undefined>) | undefined;
  const requests = sendRequests(call, method.input, input);

  call.start(metadata, {
    onReceiveMetadata: (received) => {
      header = received;
      opened.resolve();
    },
    onReceiveMessage: (received: Buffer) => {
      try {
        reader?.resolve({ done: false, value: decode(method.output, received) });
      } catch (fault) {
        reader?.reject(fault);
        call.cancelWithStatus(Code.Internal.valueOf(), "the client could not read a response");
      }
    },
    onReceiveStatus: (status) => {
      const failure = ended(status, header);
      const error = requests.fault() ?? failure;
      for (const [name, value] of toHeaders(status.metadata)) trailer.append(name, value);
      end = () => {
        if (error) throw error;
        return { done: true, value: undefined };
      };
      requests.stop();
      if (error) {
        opened.reject(error);
        reader?.reject(error);
      } else {
        opened.resolve();
        reader?.resolve({ done: true, value: undefined });
      }
    },
  });
  requests.start();
  await opened.promise;

  const message: AsyncIterableIterator<MessageShape<O>, undefined> = {
    async next() {
      if (end) return end();
      // One read for each message asked for: a slow consumer slows the server down.
      reader = Promise.withResolvers();
      call.startRead();
      return reader.promise;
    },
    async return() {
      call.cancelWithStatus(Code.Canceled.valueOf(), "the consumer of the stream has left");
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  return {
    stream: true,
    service: method.parent,
    method,
    header: header ? toHeaders(header) : new Headers(),
    trailer,
    message,
  };
}

/** Sends requests one after the other, each when there is room for it. */
function sendRequests<I extends DescMessage>(call: Call, desc: I, input: AsyncIterable<MessageInitShape<I>>) {
  const iterator = input[Symbol.asyncIterator]();
  let stopped = false;
  let fault: ConnectError | undefined;
  let sent: (() => void) | undefined;

  async function sendAll(): Promise<void> {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      if (stopped) return;
      const bytes = encode(desc, next.value);
      await new Promise<void>((resolve) => {
        sent = resolve;
        call.sendMessageWithContext({ callback: () => resolve() }, bytes);
      });
    }
    if (!stopped) call.halfClose();
  }

  return {
    /** What went wrong while the requests were made: the reason why the call was cancelled. */
    fault: () => fault,
    start() {
      sendAll().catch((cause: unknown) => {
        if (stopped) return;
        fault = ConnectError.from(cause, Code.Aborted);
        call.cancelWithStatus(Code.Canceled.valueOf(), "the requests could not be made");
      });
    },
    /** The call is over: nothing more is wanted from the requests. */
    stop() {
      stopped = true;
      sent?.();
      // What the requests' own clean-up throws concerns nobody any more.
      iterator.return?.().catch(() => undefined);
    },
  };
}

function encode<D extends DescMessage>(desc: D, input: MessageInitShape<D>): Buffer {
  const bytes = toBinary(desc, create(desc, input));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function decode<D extends DescMessage>(desc: D, bytes: Buffer): MessageShape<D> {
  try {
    return fromBinary(desc, bytes);
  } catch (cause) {
    throw new ConnectError(`the response is no valid ${desc.typeName}`, Code.Internal, undefined, undefined, cause);
  }
}
