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
import { type Call, decodeMetadata } from "#mesh/channel";
import { affinityOf, type MeshChannel, type UnaryAnswer } from "#mesh/target";
import { type ByteCalls, callOnce, createByteCalls, OpenCall, type TransportOptions } from "./byte-calls.ts";
import { type OutgoingCall, prepareCall } from "./outgoing-call.ts";

/** A transport that holds a connection until it is closed. Calls in flight then end Unavailable. */
export type ClosableTransport = Transport & ByteCalls & { close(): void };

/** Makes the calls of a typed client on a channel. */
export function createTransport(channel: MeshChannel, options: TransportOptions): ClosableTransport {
  let closed = false;
  const open = (prepared: OutgoingCall) => {
    if (closed) throw new ConnectError(`the client of ${options.address} is closed`, Code.Unavailable);
    return new OpenCall(channel, prepared, options);
  };
  return {
    ...createByteCalls(open, options),
    // biome-ignore lint/complexity/useMaxParams: the shape of Connect's Transport
    async unary(method, signal, timeoutMs, header, input) {
      const message = create(method.input, input);
      const bytes = toBinary(method.input, message);
      const affinity = affinityOf(method, message);
      const prepared = await prepareCall(method, { signal, timeoutMs, header }, options);
      const answer = await callOnce(open(affinity === undefined ? prepared : { ...prepared, affinity }), bytes);
      return new Answer(method, decode(method.output, answer.message), answer);
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

/** The answer of a unary call. Its headers are read on demand: hardly any caller looks at them. */
class Answer<I extends DescMessage, O extends DescMessage> implements UnaryResponse<I, O> {
  readonly stream = false;
  readonly method: DescMethodUnary<I, O>;
  readonly message: MessageShape<O>;
  readonly #received: UnaryAnswer;

  constructor(method: DescMethodUnary<I, O>, message: MessageShape<O>, received: UnaryAnswer) {
    this.method = method;
    this.message = message;
    this.#received = received;
  }

  get service() {
    return this.method.parent;
  }

  get header(): Headers {
    return decodeMetadata(this.#received.header);
  }

  get trailer(): Headers {
    return decodeMetadata(this.#received.trailer);
  }
}

async function callStream<I extends DescMessage, O extends DescMessage>(
  open: OpenCall,
  method: DescMethodStreaming<I, O>,
  input: AsyncIterable<MessageInitShape<I>>,
): Promise<StreamResponse<I, O>> {
  const opened = Promise.withResolvers<void>();
  const trailer = new Headers();
  let reader: PromiseWithResolvers<IteratorResult<MessageShape<O>, undefined>> | undefined;
  // What every read after the last message comes to.
  let end: (() => IteratorResult<MessageShape<O>, undefined>) | undefined;

  const call = open.start({
    onHeader: (received) => {
      open.header = received;
      opened.resolve();
    },
    onMessage: (received) => {
      try {
        reader?.resolve({ done: false, value: decode(method.output, received) });
      } catch (fault) {
        reader?.reject(fault);
        call.cancel(Code.Internal, "the client could not read a response");
      }
    },
    onWritable: () => requests.writable(),
    onFailed: (explanation) => {
      open.explanation = explanation;
    },
    onEnd: (status) => {
      const failure = open.ended(status);
      const error = requests.fault() ?? failure;
      for (const [name, value] of decodeMetadata(status.trailer)) trailer.append(name, value);
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
  const requests = sendRequests(call, method.input, input);
  requests.start();
  await opened.promise;

  const message: AsyncIterableIterator<MessageShape<O>, undefined> = {
    async next() {
      if (end) return end();
      // One read for each message asked for: a slow consumer slows the server down.
      reader = Promise.withResolvers();
      call.read();
      return reader.promise;
    },
    async return() {
      call.cancel(Code.Canceled, "the consumer of the stream has left");
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
    header: open.header ? decodeMetadata(open.header) : new Headers(),
    trailer,
    message,
  };
}

/** Sends requests one after the other, each when there is room for it. */
function sendRequests<I extends DescMessage>(call: Call, desc: I, input: AsyncIterable<MessageInitShape<I>>) {
  const iterator = input[Symbol.asyncIterator]();
  let stopped = false;
  let fault: ConnectError | undefined;
  let room: (() => void) | undefined;

  async function sendAll(): Promise<void> {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      if (stopped) return;
      const waiting = Promise.withResolvers<void>();
      room = waiting.resolve;
      if (!call.write(encode(desc, next.value))) await waiting.promise;
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
        call.cancel(Code.Canceled, "the requests could not be made");
      });
    },
    /** There is room for another request. */
    writable: () => room?.(),
    /** The call is over: nothing more is wanted from the requests. */
    stop() {
      stopped = true;
      room?.();
      // What the requests' own clean-up throws concerns nobody any more.
      iterator.return?.().catch(() => undefined);
    },
  };
}

function encode<D extends DescMessage>(desc: D, input: MessageInitShape<D>): Uint8Array {
  return toBinary(desc, create(desc, input));
}

function decode<D extends DescMessage>(desc: D, bytes: Buffer): MessageShape<D> {
  try {
    return fromBinary(desc, bytes);
  } catch (cause) {
    throw new ConnectError(`the response is no valid ${desc.typeName}`, Code.Internal, undefined, undefined, cause);
  }
}
