import { Code, ConnectError } from "@connectrpc/connect";
import type { Call, ReceivedMetadata } from "#mesh/channel";
import type { ByteListener } from "#mesh/rpc";
import type { Exchange } from "../http/exchange.ts";
import { type Idle, watchIdle } from "../http/idle.ts";
import { sendContinue } from "../http/read-body.ts";
import { streamBytes } from "../upstream/call-upstream.ts";
import type { Dialect } from "./content-type.ts";
import type { FramedAnswer } from "./framed-answer.ts";
import { RequestMessages } from "./read-requests.ts";
import type { RpcMethod } from "./rpc-method.ts";

/** A stream between a client and a service. */
export interface StreamRelay {
  readonly rpc: RpcMethod;
  readonly dialect: Dialect;
  readonly answer: FramedAnswer;
  readonly timeoutMs: number;
}

/**
 * Carries the messages of a call both ways until it has ended, each only when the other side has taken the one before.
 * A call in which nothing moves for too long is ended with DeadlineExceeded. Throws a ConnectError when the call cannot be started.
 */
export async function relayStream(exchange: Exchange, relay: StreamRelay): Promise<void> {
  const messages = new RequestMessages(exchange, relay.rpc, relay.dialect);
  const { method } = relay.rpc.policy;
  const { channel, streams } = relay.rpc;
  const idle = watchIdle(exchange.signal, streams.idleTimeoutMs);
  const carrier = new Carrier(exchange, relay, { messages, idle });
  try {
    carrier.begin(await streamBytes(exchange, channel, { method, timeoutMs: relay.timeoutMs, listener: carrier }));
    await carrier.ended;
  } finally {
    idle.stop();
  }
}

class Carrier implements ByteListener {
  readonly ended: Promise<void>;
  readonly #settle: () => void;
  readonly #exchange: Exchange;
  readonly #relay: StreamRelay;
  readonly #messages: RequestMessages;
  readonly #idle: Idle;
  #call: Call | undefined;
  #blocked = false;
  #requestsEnded = false;
  #halfClosed = false;
  /** What went wrong on this side, which is then why the call has ended. */
  #fault: ConnectError | undefined;
  /** Set while the client takes a message. */
  #sending: Promise<void> | undefined;
  #over = false;

  constructor(
    exchange: Exchange,
    relay: StreamRelay,
    { messages, idle }: { readonly messages: RequestMessages; readonly idle: Idle },
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#settle = resolve;
    this.#exchange = exchange;
    this.#relay = relay;
    this.#messages = messages;
    this.#idle = idle;
  }

  /** Begins to read what the client sends, and to ask for what the service does. */
  begin(call: Call): void {
    this.#call = call;
    const { request, response } = this.#exchange;
    sendContinue(request, response);
    request.on("data", (chunk: Buffer) => this.#attempt(() => this.#received(chunk)));
    request.on("end", () => this.#attempt(() => this.#receivedAll()));
    // That the client has gone ends the call by the exchange's signal.
    request.on("error", () => undefined);
    this.#idle.signal.addEventListener("abort", () => this.#attempt(() => this.#standStill()));
    call.read();
  }

  onHeader(header: ReceivedMetadata): void {
    this.#relay.answer.begin(this.#relay.rpc.channel.metadata.shown(header));
  }

  onMessage(message: Buffer): void {
    this.#idle.moved();
    this.#attempt(() => {
      const { dialect, answer, rpc } = this.#relay;
      const sending = answer.write(dialect.json ? rpc.json.decode(message) : message);
      if (!sending) return this.#call?.read();
      this.#sending = sending.then(() => {
        this.#idle.moved();
        this.#sending = undefined;
        this.#call?.read();
      });
    });
  }

  onWritable(): void {
    this.#blocked = false;
    this.#attempt(() => this.#forward());
    if (!this.#blocked) this.#exchange.request.resume();
  }

  async onEnd(error: ConnectError | undefined, trailer: ReceivedMetadata): Promise<void> {
    this.#over = true;
    await this.#sending;
    const { answer, rpc } = this.#relay;
    const { metadata } = rpc.channel;
    // A service that sends nothing but an end has put all of its metadata there.
    const shown = metadata.shown(trailer);
    const { startedMs, notes } = this.#exchange;
    notes.upstreamMs = performance.now() - startedMs;
    answer.end(this.#fault ?? error, shown);
    this.#settle();
  }

  #received(chunk: Buffer): void {
    this.#messages.push(chunk);
    this.#forward();
    if (this.#blocked) this.#exchange.request.pause();
  }

  #receivedAll(): void {
    this.#requestsEnded = true;
    this.#forward();
  }

  #forward(): void {
    while (!this.#blocked && !this.#fault) {
      const message = this.#messages.next();
      if (message === undefined) break;
      this.#idle.moved();
      this.#blocked = this.#call?.write(message) === false;
    }
    if (!this.#requestsEnded || this.#blocked || this.#halfClosed) return;
    this.#messages.checkEnd();
    this.#halfClosed = true;
    this.#call?.halfClose();
  }

  /** That the client has gone ends the call by itself. */
  #standStill(): void {
    if (!this.#exchange.signal.aborted) throw this.#idle.signal.reason;
  }

  /** What goes wrong here ends the call, with that as its error. */
  #attempt(work: () => void): void {
    if (this.#fault || this.#over) return;
    try {
      work();
    } catch (thrown) {
      this.#fault = ConnectError.from(thrown, Code.Internal);
      this.#call?.cancel(this.#fault.code, this.#fault.rawMessage);
    }
  }
}
