import { type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { Call } from "#mesh/channel";
import type { ByteCalls, ByteListener } from "#mesh/rpc";
import { isStreaming, isUnary } from "../rpc/method-kind.ts";

/** Calls with encoded messages of a service that the gateway serves itself. Of metadata nothing is carried. */
export function createOwnCalls(transport: Transport): ByteCalls {
  return {
    async unaryBytes(method, { signal, timeoutMs }, bytes) {
      if (!isUnary(method)) throw new TypeError(`${method.name} is a stream`);
      const answer = await transport.unary(method, signal, finite(timeoutMs), undefined, decode(method, bytes));
      return { header: {}, message: encode(method, answer.message), trailer: {} };
    },
    async streamBytes(method, { signal, timeoutMs }, listener) {
      const stream = new OwnStream(method, listener);
      void stream.run(transport, signal, timeoutMs);
      return stream;
    },
    async iterateBytes(method, { signal, timeoutMs }, messages) {
      if (!isStreaming(method)) throw new TypeError(`${method.name} is no stream`);
      const requests = each(messages, (bytes) => decode(method, bytes));
      const answer = await transport.stream(method, signal, finite(timeoutMs), undefined, requests);
      return each(answer.message, (message) => encode(method, message));
    },
  };
}

async function* each<A, B>(values: AsyncIterable<A>, change: (value: A) => B): AsyncIterable<B> {
  for await (const value of values) yield change(value);
}

/** A stream that runs in this process: what would be a connection is a queue of requests and a count of reads. */
class OwnStream implements Call {
  readonly #method: DescMethod;
  readonly #listener: ByteListener;
  readonly #requests: (Message | undefined)[] = [];
  readonly #left = new AbortController();
  #moved = Promise.withResolvers<void>();
  #wanted = 0;
  #ended = false;

  constructor(method: DescMethod, listener: ByteListener) {
    this.#method = method;
    this.#listener = listener;
  }

  async run(transport: Transport, signal: AbortSignal | undefined, timeoutMs: number | undefined): Promise<void> {
    const ends = signal ? AbortSignal.any([signal, this.#left.signal]) : this.#left.signal;
    ends.addEventListener("abort", () => this.#move());
    try {
      const method = this.#method;
      if (!isStreaming(method)) throw new TypeError(`${method.name} is no stream`);
      const answer = await transport.stream(method, ends, finite(timeoutMs), undefined, this.#messages(ends));
      for await (const message of answer.message) {
        while (this.#wanted === 0 && !ends.aborted) await this.#moved.promise;
        this.#wanted--;
        if (!this.#ended) this.#listener.onMessage(encode(method, message));
      }
      this.#end(undefined);
    } catch (thrown) {
      this.#end(ConnectError.from(thrown));
    }
  }

  write(message: Uint8Array): boolean {
    try {
      this.#requests.push(decode(this.#method, message));
    } catch (refusal) {
      this.#end(ConnectError.from(refusal));
      this.#left.abort();
    }
    this.#move();
    return true;
  }

  halfClose(): void {
    this.#requests.push(undefined);
    this.#move();
  }

  read(): void {
    this.#wanted++;
    this.#move();
  }

  cancel(code: number, message: string): void {
    this.#end(new ConnectError(message, code));
    this.#left.abort();
  }

  async *#messages(ends: AbortSignal): AsyncIterable<Message> {
    while (!ends.aborted) {
      if (this.#requests.length === 0) {
        await this.#moved.promise;
        continue;
      }
      const message = this.#requests.shift();
      if (message === undefined) return;
      yield message;
    }
  }

  #move(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  #end(error: ConnectError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listener.onEnd(error, {});
  }
}

/** Connect would take Infinity for a number of milliseconds. */
function finite(timeoutMs: number | undefined): number | undefined {
  return timeoutMs === Number.POSITIVE_INFINITY ? undefined : timeoutMs;
}

function decode(method: DescMethod, bytes: Uint8Array): Message {
  try {
    return fromBinary(method.input, bytes);
  } catch {
    throw new ConnectError(`the request is no valid ${method.input.typeName}`, Code.InvalidArgument);
  }
}

function encode(method: DescMethod, message: Message): Buffer {
  return Buffer.from(toBinary(method.output, message));
}
