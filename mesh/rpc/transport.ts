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
import { Code, ConnectError, type Transport, type UnaryResponse } from "@connectrpc/connect";
import { decodeMetadata } from "#mesh/channel";
import { affinityOf, type MeshChannel, type UnaryAnswer } from "#mesh/target";
import { type ByteCalls, callOnce, createByteCalls, OpenCall, type TransportOptions } from "./byte-calls.ts";
import { type OutgoingCall, prepareCall } from "./outgoing-call.ts";
import { callStream, type StreamCodec } from "./stream-call.ts";

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
      const called = await callStream(open(prepared), codecOf(method), input);
      return { stream: true, service: method.parent, method, ...called };
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

function codecOf<I extends DescMessage, O extends DescMessage>(
  method: DescMethodStreaming<I, O>,
): StreamCodec<MessageInitShape<I>, MessageShape<O>> {
  return {
    encode: (request) => encode(method.input, request),
    decode: (response) => decode(method.output, response),
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
