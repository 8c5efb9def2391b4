import { performance } from "node:perf_hooks";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Call,
  type CallListener,
  type CallStatus,
  decodeMetadata,
  type ReceivedMetadata,
  UnaryListener,
} from "#mesh/channel";
import type { CallExplanation } from "#mesh/resilience";
import { affinityOfBytes, type MeshCallListener, type MeshChannel, type UnaryAnswer } from "#mesh/target";
import type { CallRecord } from "./call-record.ts";
import { explanationDetail, readError } from "./error-details.ts";
import {
  abortError,
  type CallerSide,
  type CallWish,
  type OutgoingCall,
  onAbort,
  prepareCall,
} from "./outgoing-call.ts";
import { callStream, type StreamCodec } from "./stream-call.ts";
import { noteProgress } from "./unseen.ts";

/** How a transport's calls are made. */
export interface TransportOptions extends CallerSide {
  /** host:port; for records of calls and messages. */
  readonly address: string;
  /** Told about each call that has ended. */
  readonly onCallEnd?: (record: CallRecord) => void;
}

/**
 * Calls whose messages are encoded already, by the same policies as typed ones. Nobody looks into them on the way: what
 * is no valid message, or breaks a rule of its fields, is refused by the service.
 */
export interface ByteCalls {
  /** Makes a unary call. Rejects with a ConnectError. */
  unaryBytes(method: DescMethod, wish: CallWish, message: Uint8Array): Promise<UnaryAnswer>;
  /** Starts a call with streams; messages are written and asked for one by one. */
  streamBytes(method: DescMethod, wish: CallWish, listener: ByteListener): Promise<Call>;
  /** The same with iterables: returns the responses, each of which is asked for when somebody wants the next. */
  iterateBytes(
    method: DescMethod,
    wish: CallWish,
    messages: AsyncIterable<Uint8Array>,
  ): Promise<AsyncIterable<Uint8Array>>;
}

/** Told what comes of a call. Nothing comes after onEnd, which comes always. */
export interface ByteListener extends Pick<CallListener, "onHeader" | "onMessage" | "onWritable"> {
  /** `error` is undefined for success. */
  onEnd(error: ConnectError | undefined, trailer: ReceivedMetadata): void;
}

/** Makes calls in the name of `side`, each of which `open` opens. */
export function createByteCalls(open: (prepared: OutgoingCall) => OpenCall, side: CallerSide): ByteCalls {
  return {
    async unaryBytes(method, wish, message) {
      const preparing = prepareCall(method, wish, side);
      const prepared = preparing instanceof Promise ? await preparing : preparing;
      const affinity = affinityOfBytes(method, message);
      const call = affinity === undefined ? prepared : { ...prepared, affinity };
      return await callOnce(open(call), message);
    },
    async streamBytes(method, wish, listener) {
      const prepared = await prepareCall(method, wish, side);
      return startStream(open(prepared), listener);
    },
    async iterateBytes(method, wish, messages) {
      const prepared = await prepareCall(method, wish, side);
      return (await callStream(open(prepared), encodedAlready, messages)).message;
    },
  };
}

const encodedAlready: StreamCodec<Uint8Array, Uint8Array> = {
  encode: (request) => request,
  decode: (response) => response,
};

/** A call that was prepared, with what is the same for every kind of call. */
export class OpenCall {
  header: ReceivedMetadata | undefined;
  /** How the call was made, once it has failed. */
  explanation: CallExplanation | undefined;
  readonly #channel: MeshChannel;
  readonly #prepared: OutgoingCall;
  readonly #options: TransportOptions;
  readonly #startedAt = performance.now();
  #release = ignore;

  /** Throws when one of the call's signals has aborted before. */
  constructor(channel: MeshChannel, prepared: OutgoingCall, options: TransportOptions) {
    for (const signal of prepared.signals) if (signal.aborted) throw abortError(signal);
    this.#channel = channel;
    this.#prepared = prepared;
    this.#options = options;
  }

  start(listener: MeshCallListener, message?: Uint8Array): Call {
    const { method, path, deadline, metadata, signals, requestId, affinity } = this.#prepared;
    const call = { path, metadata, deadlineMs: deadline, method, requestId, affinity };
    const request = message ? { ...call, message } : call;
    const started = this.#channel.start(request, listener);
    if (signals.length > 0) this.#release = onAbort(signals, (error) => started.cancel(error.code, error.rawMessage));
    return started;
  }

  /** To be called once with the status; returns the error that it means, undefined for success. */
  ended(status: CallStatus): ConnectError | undefined {
    const { code, message, trailer } = status;
    this.#release();
    const { method, trace, requestId, explained } = this.#prepared;
    const { onCallEnd, address } = this.#options;
    const durationMs = performance.now() - this.#startedAt;
    onCallEnd?.({ side: "client", method, code, durationMs, peer: address, trace, requestId });
    if (code === 0) return undefined;
    const headers = this.header ? decodeMetadata(this.header) : new Headers();
    for (const [name, value] of decodeMetadata(trailer)) headers.append(name, value);
    const error = readError({ code, message, trailer }, headers);
    noteProgress(error, status, this.explanation);
    if (explained && this.explanation) error.details.push(explanationDetail(this.explanation));
    return error;
  }
}

/** Makes a unary call that was prepared. Rejects with a ConnectError. */
export function callOnce(open: OpenCall, message: Uint8Array): Promise<UnaryAnswer> {
  return new Promise((resolve, reject) => {
    const answer = new AnswerListener(open, resolve, reject);
    answer.begin(open.start(answer, message));
  });
}

class AnswerListener extends UnaryListener implements MeshCallListener {
  readonly #open: OpenCall;
  readonly #resolve: (answer: UnaryAnswer) => void;
  readonly #reject: (error: ConnectError) => void;

  constructor(open: OpenCall, resolve: (answer: UnaryAnswer) => void, reject: (error: ConnectError) => void) {
    super();
    this.#open = open;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onFailed(explanation: CallExplanation): void {
    this.#open.explanation = explanation;
  }

  onEnd(status: CallStatus): void {
    const { header, message } = this;
    this.#open.header = header;
    const error = this.#open.ended(status);
    if (error) this.#reject(error);
    else if (!message) this.#reject(new ConnectError("the server sent no response", Code.Unimplemented));
    else this.#resolve({ header: header ?? NO_METADATA, message, trailer: status.trailer });
  }
}

const NO_METADATA: ReceivedMetadata = {};

function startStream(open: OpenCall, listener: ByteListener): Call {
  return open.start({
    onHeader(received) {
      open.header = received;
      listener.onHeader(received);
    },
    onMessage: (received) => listener.onMessage(received),
    onWritable: () => listener.onWritable(),
    onFailed(explanation) {
      open.explanation = explanation;
    },
    onEnd: (status) => listener.onEnd(open.ended(status), status.trailer),
  });
}

function ignore(): void {}
