import { performance } from "node:perf_hooks";
import type { PeerCertificate } from "node:tls";
import { create, type DescMessage, type Message, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Code, Code as Codes, ConnectError } from "@connectrpc/connect";
import { Metadata, type ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { Caller } from "#mesh/identity";
import type { Scope } from "#mesh/scope";
import { type Logger, newTrace, type TraceContext } from "#mesh/telemetry";
import { peerCertificate } from "./grpc-credentials.ts";
import type { RpcContext } from "./handler.ts";
import { addHeaders, SentMetadata, toHeaders } from "./metadata.ts";
import type { ServedMethod } from "./served-method.ts";

const STRANGER: Caller = { user: undefined, service: undefined };
const NO_TRACE = newTrace();
const NO_METADATA = new Metadata();

type AnyMessage = MessageInitShape<DescMessage>;

/** How a call ends. */
export interface CallEnd {
  /** Status code of gRPC, 0 for success. */
  readonly code: Code | 0;
  readonly message: string;
  readonly trailer?: Metadata;
  /** What to log of a fault whose cause is not sent, under the id that is. */
  readonly fault?: { readonly id: string; readonly cause: unknown };
}

/** What of grpc-js's stream a call uses: a call within the process brings its own. */
export type ServerStream = Pick<
  ServerInterceptingCallInterface,
  "startRead" | "sendMetadata" | "sendMessage" | "sendStatus" | "getDeadline" | "getAuthContext"
>;

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/**
 * One call at the server: grpc-js's listener on one side, the handler's context and the scope of its work on the
 * other. A class, and everything costly in it lazy, because there is one for each call.
 */
export class ServerCall implements RpcContext, Scope {
  readonly served: ServedMethod;
  readonly startedAt = performance.now();
  metadata = NO_METADATA;
  trace: TraceContext = NO_TRACE;
  requestId = "";
  authorization: string | undefined;
  caller: Caller = STRANGER;
  /** Milliseconds since the epoch; Infinity for methods without a policy. */
  deadline = Number.POSITIVE_INFINITY;
  end: CallEnd | undefined;
  /** Aborts the call at its deadline; stopped when the call has ended. */
  timer: NodeJS.Timeout | undefined;
  /** Told once when the call is no longer wanted; the reason was given to the signal before. */
  onAbort: ((call: ServerCall, error: ConnectError) => void) | undefined;
  /** Told once when the status has been sent. */
  onEnd: ((call: ServerCall, end: CallEnd) => void) | undefined;

  readonly #stream: ServerStream;
  readonly #maxResponseBytes: number;
  #reader: Waiter<Message | undefined> | undefined;
  #writer: Waiter<void> | undefined;
  #halfClosed = false;
  #readsOnly = false;
  #only: Buffer | undefined;
  #abortedBy: ConnectError | undefined;
  #controller: AbortController | undefined;
  #log: Logger | undefined;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #transportStatus: { code: number; details: string } | undefined;

  constructor(served: ServedMethod, stream: ServerStream, maxResponseBytes: number) {
    this.served = served;
    this.#stream = stream;
    this.#maxResponseBytes = maxResponseBytes;
    this.#watchStatus(stream);
  }

  get method() {
    return this.served.desc;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abortedBy) this.#controller.abort(this.#abortedBy);
    }
    return this.#controller.signal;
  }

  get log(): Logger {
    this.#log ??= this.served.log.child({ requestId: this.requestId, traceId: this.trace.traceId });
    return this.#log;
  }

  get requestHeader(): Headers {
    this.#requestHeader ??= toHeaders(this.metadata);
    return this.#requestHeader;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  /** The certificate of the connection's other end, if a trusted authority has issued it. */
  get peerCertificate(): PeerCertificate | undefined {
    return peerCertificate(this.#stream);
  }

  get explained(): boolean {
    return this.caller.user?.roles.includes("admin") ?? false;
  }

  /** The caller's deadline in milliseconds since the epoch, Infinity without one. */
  get callersDeadline(): number {
    return Number(this.#stream.getDeadline());
  }

  /** Reads one request; undefined when the caller has sent its last. Rejects when the call is aborted. */
  read(): Promise<Message | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#abortedBy) return reject(this.#abortedBy);
      if (this.#halfClosed) return resolve(undefined);
      this.#reader = { resolve, reject };
      this.#stream.startRead();
    });
  }

  /** Reads the only request, up to the caller's end. Rejects when there is none or another one. */
  readOnly(): Promise<Message> {
    this.#readsOnly = true;
    return this.read() as Promise<Message>;
  }

  /** Sends one message and waits until there is room for the next. */
  write(message: AnyMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#abortedBy) return reject(this.#abortedBy);
      this.#writer = { resolve, reject };
      this.#send(message, resolve);
    });
  }

  /** Sends the only message and does not wait, because the status follows. */
  writeOnly(message: AnyMessage): void {
    this.#send(message, ignore);
  }

  /** Ends the call, once. */
  finish(end: CallEnd): void {
    if (this.end) return;
    this.end = end;
    clearTimeout(this.timer);
    this.#sendHeader();
    const code: number = end.code;
    let trailer = end.trailer ?? null;
    if (this.#responseTrailer) trailer = addHeaders(trailer ?? new SentMetadata(), this.#responseTrailer);
    // encodeURI, which grpc-js applies, throws on half a surrogate pair.
    this.#stream.sendStatus({ code, details: end.message.toWellFormed(), metadata: trailer });
    this.onEnd?.(this, end);
  }

  /** Ends the work: aborts the signal, and rejects whatever waits for the caller. */
  abort(error: ConnectError): void {
    if (this.end || this.#abortedBy) return;
    this.#abortedBy = error;
    clearTimeout(this.timer);
    this.#controller?.abort(error);
    this.#reader?.reject(error);
    this.#writer?.reject(error);
    // Whoever was rejected goes first: what it still has to say may be in the trailer.
    this.#watch(Promise.resolve().then(() => this.onAbort?.(this, error)));
  }

  // grpc-js's listener

  onReceiveMetadata(metadata: Metadata): void {
    this.metadata = metadata;
    this.#watch(this.served.run(this));
  }

  onReceiveMessage(message: Buffer): void {
    if (!this.#readsOnly) {
      this.#hand(message);
    } else if (this.#only) {
      this.#reader?.reject(new ConnectError("the call has more than one request", Codes.Unimplemented));
    } else {
      this.#only = message;
      this.#stream.startRead();
    }
  }

  onReceiveHalfClose(): void {
    if (this.#readsOnly) {
      this.#handOnly();
      return;
    }
    // Node and grpc-js tell of the end of a stream that was reset first, and of the reset right after: half a stream of
    // requests must not be taken for the whole.
    setImmediate(() => {
      if (wasReset(this.#stream)) return;
      this.#halfClosed = true;
      this.#reader?.resolve(undefined);
    });
  }

  onCancel(): void {
    // grpc-js says so after every call, also when it ended well.
    if (this.end) return;
    const sent = this.#transportStatus;
    if (sent) this.abort(new ConnectError(sent.details, sent.code));
    // Clients give up at the deadline too, and their cancelling may come first.
    else if (Date.now() >= this.deadline) this.abort(new ConnectError("deadline exceeded", Codes.DeadlineExceeded));
    else this.abort(new ConnectError("the caller cancelled the call", Codes.Canceled));
  }

  // Every failure ends in the interceptors; what comes out of them is a fault of the mesh itself.
  #watch(work: Promise<void>): void {
    work.catch((error: unknown) => this.served.log.error({ err: error }, "an interceptor failed"));
  }

  #hand(message: Buffer): void {
    try {
      this.#reader?.resolve(this.served.read(message));
    } catch (error) {
      this.#reader?.reject(error);
    }
  }

  #handOnly(): void {
    // gRPC's own code for a wrong number of messages (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).
    if (!this.#only) this.#reader?.reject(new ConnectError("the call ended without a request", Codes.Unimplemented));
    else this.#hand(this.#only);
  }

  #send(message: AnyMessage, done: () => void): void {
    const { output } = this.served.desc;
    const bytes = toBinary(output, create(output, message));
    if (bytes.length > this.#maxResponseBytes) {
      const size = `the response of ${bytes.length} bytes is larger than the limit of ${this.#maxResponseBytes}`;
      throw new ConnectError(size, Codes.ResourceExhausted);
    }
    this.#sendHeader();
    this.#stream.sendMessage(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), done);
  }

  #sendHeader(): void {
    if (!this.#responseHeader) return;
    this.#stream.sendMetadata(addHeaders(new SentMetadata(), this.#responseHeader));
    this.#responseHeader = undefined;
  }

  // grpc-js answers some faults itself: a message that is too long, a bad grpc-timeout, a passed deadline. Seeing its
  // answer is what brings the true code into the log and the metrics.
  #watchStatus(stream: ServerStream): void {
    const send = stream.sendStatus;
    stream.sendStatus = (status) => {
      this.#transportStatus ??= status;
      send.call(stream, status);
    };
  }
}

/** Whether the caller has given up a call, by what grpc-js keeps to itself; it will say so soon. */
function wasReset(call: object): boolean {
  const stream: unknown = Reflect.get(call, "stream");
  return typeof stream === "object" && stream !== null && Reflect.get(stream, "aborted") === true;
}

function ignore(): void {}
