import { Code, ConnectError } from "@connectrpc/connect";
import { type Call, decodeMetadata } from "#mesh/channel";
import type { OpenCall } from "./byte-calls.ts";

/** How the messages of a stream are encoded. What it throws ends the call. */
export interface StreamCodec<Request, Response> {
  encode(request: Request): Uint8Array;
  decode(response: Buffer): Response;
}

/** A call whose stream of responses has begun. */
export interface CalledStream<Response> {
  readonly header: Headers;
  /** Complete once the responses are. */
  readonly trailer: Headers;
  readonly message: AsyncIterableIterator<Response, undefined>;
}

/**
 * Makes a call with streams that was prepared: sends each request when there is room for it, and asks for a response when
 * somebody wants the next. Rejects with a ConnectError when the call fails before the service's header; later failures
 * are thrown by what is iterated.
 */
export async function callStream<Request, Response>(
  open: OpenCall,
  codec: StreamCodec<Request, Response>,
  input: AsyncIterable<Request>,
): Promise<CalledStream<Response>> {
  const opened = Promise.withResolvers<void>();
  const trailer = new Headers();
  let reader: PromiseWithResolvers<IteratorResult<Response, undefined>> | undefined;
  // What every read after the last message comes to.
  let end: (() => IteratorResult<Response, undefined>) | undefined;

  const call = open.start({
    onHeader: (received) => {
      open.header = received;
      opened.resolve();
    },
    onMessage: (received) => {
      try {
        reader?.resolve({ done: false, value: codec.decode(received) });
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
  const requests = sendRequests(call, codec, input);
  requests.start();
  await opened.promise;

  const message: AsyncIterableIterator<Response, undefined> = {
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
    header: open.header ? decodeMetadata(open.header) : new Headers(),
    trailer,
    message,
  };
}

/** Sends requests one after the other, each when there is room for it. */
function sendRequests<Request>(
  call: Call,
  { encode }: Pick<StreamCodec<Request, unknown>, "encode">,
  input: AsyncIterable<Request>,
) {
  const iterator = input[Symbol.asyncIterator]();
  let stopped = false;
  let fault: ConnectError | undefined;
  let room: (() => void) | undefined;

  async function sendAll(): Promise<void> {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      if (stopped) return;
      const waiting = Promise.withResolvers<void>();
      room = waiting.resolve;
      if (!call.write(encode(next.value))) await waiting.promise;
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
