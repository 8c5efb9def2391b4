import type { PeerCertificate } from "node:tls";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Metadata } from "@grpc/grpc-js";
import {
  after,
  type Call,
  type CallListener,
  type CallRequest,
  type CallStatus,
  fromSent,
  type ReceivedMetadata,
  toReceived,
} from "#mesh/channel";
import type { LocalServer } from "./local-server.ts";
import { ServerCall, type ServerStream } from "./server-call.ts";

/** What a call tells its caller, and what it may. */
export interface LocalCallSide {
  readonly listener: CallListener;
  readonly maxReceiveBytes: number;
  /** The certificate that the caller would show under TLS. */
  readonly certificate: () => PeerCertificate | undefined;
}

/** How many messages each side may be ahead of the other. */
const READ_AHEAD = 16;

/** A message of the server, and what is called once there is room for the next. */
interface Response {
  readonly message: Buffer;
  readonly sent: () => void;
}

/**
 * A call within the process: what would be a stream of HTTP/2 is two queues. Each call begins in a turn of the
 * event loop of its own, and each side runs in its own microtask, so that neither is called by the other before it has
 * returned.
 */
export class LocalCall implements Call {
  /** Resolves when both sides have ended it. */
  readonly ended: Promise<void>;
  readonly #settle: () => void;
  readonly #server: LocalServer;
  readonly #side: LocalCallSide;
  readonly #request: CallRequest;
  #serverCall: ServerCall | undefined;
  #stopClock: (() => void) | undefined;
  readonly #requests: Buffer[] = [];
  #halfClosed = false;
  #blocked = false;
  #serverWants = 0;
  #header: ReceivedMetadata = {};
  /** Whether the header has been sent, which the first message does at the latest. */
  #headerSent = false;
  #headerTold = false;
  readonly #responses: Response[] = [];
  #wanted = 0;
  #status: CallStatus | undefined;
  #callerDone = false;
  #planned = false;

  constructor(server: LocalServer, request: CallRequest, side: LocalCallSide) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#settle = resolve;
    this.#server = server;
    this.#side = side;
    this.#request = request;
    server.calls.add(this);
    const restMs = request.deadlineMs - Date.now();
    if (!request.watched) this.#stopClock = after(Math.max(restMs, 0), () => this.#exceed());
    // Not in a microtask: services that call each other all the time would never let the event loop turn.
    if (restMs > 0) setImmediate(() => this.#begin());
  }

  write(message: Uint8Array): boolean {
    this.#requests.push(Buffer.from(message.buffer, message.byteOffset, message.length));
    this.#plan();
    this.#blocked = this.#requests.length >= READ_AHEAD;
    return !this.#blocked;
  }

  halfClose(): void {
    this.#halfClosed = true;
    this.#plan();
  }

  read(): void {
    this.#wanted++;
    this.#plan();
  }

  cancel(code: number, message: string): void {
    this.#end({ code, message, trailer: {} });
  }

  /** The server has stopped and waits no longer. */
  cutOff(): void {
    this.#end({ code: Code.Unavailable, message: "the server has stopped", trailer: {} });
  }

  #begin(): void {
    if (this.#callerDone) return;
    const { path, metadata, message } = this.#request;
    const served = this.#server.methods.get(path);
    if (!served) {
      this.#end({ code: Code.Unimplemented, message: `there is no method ${path}`, trailer: {} });
      return;
    }
    if (message) {
      this.write(message);
      this.halfClose();
    }
    this.#server.inOwnContext(() => {
      const call = new ServerCall(served, this.#stream(), this.#server.maxResponseBytes);
      this.#serverCall = call;
      call.onReceiveMetadata(fromSent(metadata));
    });
  }

  /** What the server's side of the call sees instead of grpc-js's stream. */
  #stream(): ServerStream {
    return {
      startRead: () => {
        this.#serverWants++;
        this.#plan();
      },
      sendMetadata: (metadata) => {
        this.#header = toReceived(metadata);
        this.#headerSent = true;
        this.#plan();
      },
      sendMessage: (message: Buffer, sent) => {
        this.#headerSent = true;
        const ahead = this.#responses.length < READ_AHEAD;
        this.#responses.push({ message, sent: ahead ? ignore : sent });
        if (ahead) sent();
        this.#plan();
      },
      sendStatus: ({ code, details, metadata }) => {
        this.#status = { code: code ?? 0, message: details ?? "", trailer: trailerOf(metadata) };
        this.#plan();
      },
      getDeadline: () => this.#request.deadlineMs,
      getAuthContext: () => ({ sslPeerCertificate: this.#side.certificate() }),
    };
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (!this.#callerDone) this.#tellServer();
      if (!this.#callerDone) this.#tellCaller();
    });
  }

  #tellServer(): void {
    const call = this.#serverCall;
    while (call && this.#serverWants > 0 && !this.#status) {
      const message = this.#requests.shift();
      if (!message && !this.#halfClosed) break;
      this.#serverWants--;
      if (message && message.length > this.#server.maxMessageBytes) {
        call.abort(tooLarge("request", message.length, this.#server.maxMessageBytes));
        return;
      }
      this.#server.inOwnContext(() => (message ? call.onReceiveMessage(message) : call.onReceiveHalfClose()));
    }
    if (this.#blocked && this.#requests.length < READ_AHEAD) {
      this.#blocked = false;
      this.#side.listener.onWritable();
    }
  }

  #tellCaller(): void {
    const { listener, maxReceiveBytes } = this.#side;
    if (this.#headerSent && !this.#headerTold) {
      this.#headerTold = true;
      listener.onHeader(this.#header);
    }
    while (this.#wanted > 0 && !this.#callerDone) {
      const response = this.#responses.shift();
      if (!response) break;
      this.#wanted--;
      if (response.message.length > maxReceiveBytes) {
        const { code, rawMessage } = tooLarge("response", response.message.length, maxReceiveBytes);
        this.cancel(code, rawMessage);
        return;
      }
      listener.onMessage(response.message);
      response.sent();
    }
    if (this.#status && this.#responses.length === 0) this.#end(this.#status);
  }

  #exceed(): void {
    const call = this.#serverCall;
    if (call) this.#server.inOwnContext(() => call.abort(new ConnectError("deadline exceeded", Code.DeadlineExceeded)));
    this.#end({ code: Code.DeadlineExceeded, message: "the deadline has passed", trailer: {} });
  }

  #end(status: CallStatus): void {
    if (this.#callerDone) return;
    this.#callerDone = true;
    this.#stopClock?.();
    this.#server.calls.delete(this);
    // Also after every call that ended well, as grpc-js does: the server's side knows.
    const call = this.#serverCall;
    if (call) this.#server.inOwnContext(() => call.onCancel());
    for (const { sent } of this.#responses.splice(0)) sent();
    this.#side.listener.onEnd(status);
    this.#settle();
  }
}

function tooLarge(what: string, bytes: number, limit: number): ConnectError {
  return new ConnectError(`the ${what} of ${bytes} bytes is larger than the limit of ${limit}`, Code.ResourceExhausted);
}

function trailerOf(metadata: Metadata | null | undefined): ReceivedMetadata {
  return metadata ? toReceived(metadata) : {};
}

function ignore(): void {}
