import { constants } from "node:http2";
import type { ClientStream, StreamListener } from "#mesh/http2";
import type { Connection } from "./connection.ts";
import type { Endpoint } from "./endpoint.ts";
import { MessageReader, tooLarge } from "./message-frames.ts";
import type { SentMetadata } from "./metadata.ts";
import {
  type CallStatus,
  localStatus,
  type ReceivedMetadata,
  readStatus,
  Status,
  StatusError,
  statusOfHttp,
  statusOfReset,
} from "./status.ts";
import { formatTimeout } from "./timeout.ts";
import { USER_AGENT } from "./user-agent.ts";

/** What an attempt sends and accepts. */
export interface AttemptRequest {
  /** "/shop.order.v1.OrderService/PlaceOrder". */
  readonly path: string;
  readonly metadata: SentMetadata;
  /** Milliseconds since the epoch; Infinity for none. The attempt tells the server; the caller watches the clock. */
  readonly deadlineMs: number;
  /** Largest message that is received, in bytes. */
  readonly maxReceiveBytes: number;
  /** Whether messages are compressed with gzip. */
  readonly gzip: boolean;
  /** Whether the process may end meanwhile. */
  readonly background: boolean;
}

/** Told what comes of an attempt. Nothing comes after onEnd. */
export interface AttemptListener {
  /** The server has begun to answer. */
  onHeader(header: ReceivedMetadata): void;
  /** A message that was asked for by `read`. */
  onMessage(message: Buffer): void;
  /** After `write` has said false: there is room for another message. */
  onWritable(): void;
  onEnd(status: CallStatus): void;
}

/** A slow reader holds the server back once so much is waiting for it, beside the window of the stream. */
const READ_AHEAD_BYTES = 64 * 1024;
/**
 * Less than this is on its way, and not worth a reset: servers count those. More waits for a server that does not read
 * it, and after an answer never will.
 */
const UNSENT_BYTES = 64 * 1024;
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Content-Type"; other suffixes are other encodings.
const CONTENT_TYPE = /^application\/grpc(\+proto)?(\s*;.*)?$/i;

/** One stream of one connection of one endpoint: a call as it goes over the wire. */
export class Attempt implements StreamListener {
  readonly endpoint: Endpoint;
  readonly #request: AttemptRequest;
  readonly #listener: AttemptListener;
  readonly #reader: MessageReader;
  #connection: Connection | undefined;
  #stream: ClientStream | undefined;
  /** What is to be sent once there is a stream. */
  #unsent: Buffer[] = [];
  #halfClosed = false;
  #blocked = false;
  #wanted = 0;
  /** Bytes that hold the server back. */
  #unconsumed = 0;
  /** What the server has said, kept until its messages are read. */
  #status: CallStatus | undefined;
  #ended = false;

  /** Starts at once, or as soon as the endpoint has a connection for it. */
  constructor(endpoint: Endpoint, request: AttemptRequest, listener: AttemptListener) {
    this.endpoint = endpoint;
    this.#request = request;
    this.#listener = listener;
    this.#reader = new MessageReader(request.maxReceiveBytes);
  }

  /** Sends a framed message. False: wait for onWritable before the next. */
  write(frame: Buffer): boolean {
    if (this.#ended) return true;
    if (!this.#stream) {
      this.#unsent.push(frame);
      this.#blocked = true;
    } else if (!this.#stream.write(frame)) {
      this.#blocked = true;
    }
    return !this.#blocked;
  }

  /** Sends the last message, or nothing more. */
  finish(frame?: Buffer): void {
    if (this.#ended || this.#halfClosed) return;
    this.#halfClosed = true;
    if (this.#stream) this.#stream.end(frame);
    else if (frame) this.#unsent.push(frame);
  }

  /** Asks for one message. */
  read(): void {
    this.#wanted++;
    this.#deliver();
  }

  /** Ends the attempt from this side, or before it had a stream. */
  end(status: CallStatus): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#stream) this.#leave(this.#stream);
    else this.endpoint.forget(this);
    this.#listener.onEnd(status);
  }

  /** The endpoint has a connection with room. */
  open(connection: Connection): void {
    const stream = this.#openStream(connection);
    if (!stream) return;
    this.#connection = connection;
    this.#stream = stream;
    this.#sendUnsent(stream);
  }

  onHeaders(headers: ReceivedMetadata): void {
    if (this.#ended) return;
    const refusal = refuseResponse(headers);
    if (refusal) {
      this.end(refusal);
      return;
    }
    const encoding = headers["grpc-encoding"];
    if (typeof encoding === "string") this.#reader.encoding = encoding;
    this.#listener.onHeader(headers);
  }

  onData(chunk: Buffer): void {
    if (this.#ended) return;
    this.#unconsumed += chunk.length;
    this.#reader.push(chunk);
    this.#deliver();
  }

  onEnd(headers: ReceivedMetadata = {}): void {
    if (this.#ended) return;
    this.#status = readStatus(headers) ?? refuseResponse(headers) ?? NO_STATUS;
    this.#deliver();
  }

  onDrain(): void {
    if (!this.#blocked || this.#ended) return;
    this.#blocked = false;
    this.#listener.onWritable();
  }

  onClose(resetCode: number | undefined): void {
    const [stream, connection] = [this.#stream, this.#connection];
    if (!stream || !connection) return;
    connection.released(stream);
    if (this.#ended) return;
    this.#status ??= this.#statusOfClose(stream, connection, resetCode);
    this.#deliver();
  }

  /** Undefined, and the attempt has ended, for headers that cannot be sent. */
  #openStream(connection: Connection): ClientStream | undefined {
    const headers = this.#headers();
    const bytes = headerBytes(headers);
    if (bytes <= connection.maxHeaderBytes) return connection.open(headers, this, this.#request.background);
    const { code, message } = tooLarge(`the metadata of ${bytes} bytes`, connection.maxHeaderBytes);
    this.end(localStatus(code, message));
    return undefined;
  }

  #headers(): string[] {
    const { path, deadlineMs, gzip, metadata } = this.#request;
    const isTimed = deadlineMs !== Number.POSITIVE_INFINITY;
    const headers = [
      ":method",
      "POST",
      ":scheme",
      this.endpoint.scheme,
      ":authority",
      this.endpoint.name,
      ":path",
      path,
      "te",
      "trailers",
      "content-type",
      "application/grpc",
      "user-agent",
      USER_AGENT,
      "grpc-accept-encoding",
      "identity,gzip",
    ];
    const timeout = isTimed ? ["grpc-timeout", formatTimeout(deadlineMs - Date.now())] : NO_HEADERS;
    return headers.concat(timeout, gzip ? GZIP : NO_HEADERS, metadata);
  }

  #sendUnsent(stream: ClientStream): void {
    const frames = this.#unsent;
    this.#unsent = [];
    const last = this.#halfClosed ? frames.pop() : undefined;
    let room = true;
    for (const frame of frames) room = stream.write(frame);
    if (this.#halfClosed) stream.end(last);
    else if (room) this.onDrain();
  }

  /** Hands out messages as far as they are wanted, then the status. */
  #deliver(): void {
    try {
      while (this.#wanted > 0 && !this.#ended) {
        const message = this.#reader.next();
        if (!message) break;
        this.#wanted--;
        this.#listener.onMessage(message);
      }
      if (this.#stream && !this.#ended) this.#settle(this.#stream);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.end(localStatus(error.code, error.message));
    }
  }

  #settle(stream: ClientStream): void {
    const full = this.#wanted === 0 && this.#reader.bufferedBytes > READ_AHEAD_BYTES;
    if (!full) {
      stream.consumed(this.#unconsumed);
      this.#unconsumed = 0;
    }
    if (this.#status) this.#endByServer(this.#status);
  }

  /** Everything has arrived: the status follows once it is read. Half a message after a failure concerns nobody. */
  #endByServer(status: CallStatus): void {
    if (this.#reader.hasMessage()) return;
    const { bufferedBytes } = this.#reader;
    const cut = `the server ended the stream within a message, after ${bufferedBytes} bytes of it`;
    const isCut = bufferedBytes > 0 && status.code === Status.OK;
    this.end(isCut ? localStatus(Status.INTERNAL, cut) : status);
  }

  #statusOfClose(stream: ClientStream, connection: Connection, resetCode: number | undefined): CallStatus {
    if (stream.id > connection.lastStreamId) {
      return localStatus(Status.UNAVAILABLE, "the connection was closed before the call", "refused");
    }
    if (resetCode !== undefined) return statusOfReset(resetCode);
    const reason = connection.error?.message ?? "it was closed";
    return localStatus(Status.UNAVAILABLE, `the connection to ${this.endpoint.name} was lost: ${reason}`);
  }

  /** Lets go of a stream that may still be open on either side; an answer may come before all of a request is sent. */
  #leave(stream: ClientStream): void {
    const isOver = this.#status && this.#halfClosed && stream.queuedBytes < UNSENT_BYTES;
    if (!isOver) stream.reset(constants.NGHTTP2_CANCEL);
  }
}

const NO_HEADERS: readonly string[] = [];
const GZIP = ["grpc-encoding", "gzip"];

/** The size of a header list by RFC 9113, 6.5.2: names, values, and 32 bytes for each pair. */
function headerBytes(headers: readonly string[]): number {
  let bytes = headers.length * 16;
  for (const text of headers) bytes += text.length;
  return bytes;
}

const NO_STATUS = localStatus(Status.INTERNAL, "the server ended the stream without a grpc-status");

/** Why an answer is none of gRPC, by the rules of http-grpc-status-mapping.md. */
function refuseResponse(headers: ReceivedMetadata): CallStatus | undefined {
  if (headers[":status"] === undefined) return undefined;
  const httpStatus = Number(headers[":status"]);
  if (httpStatus !== constants.HTTP_STATUS_OK) return statusOfHttp(httpStatus, "the answer is not gRPC's");
  const contentType = headers["content-type"];
  if (typeof contentType === "string" && CONTENT_TYPE.test(contentType)) return undefined;
  return statusOfHttp(httpStatus, `the answer has the content-type ${contentType ?? "of nothing"}`);
}
