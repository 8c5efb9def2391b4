import { constants } from "node:http2";
import { fieldBytes } from "./field-table.ts";
import { MAX_WINDOW_BYTES } from "./frames.ts";
import type { HeaderBlock } from "./header-assembly.ts";
import type { OutgoingData, Sender } from "./outgoing-data.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { type ReceivedHeaders, readHeaders } from "./received-headers.ts";

/** Told what comes of a stream. Nothing comes after onClose, which comes always. */
export interface StreamListener {
  /** The server has begun to answer; more follows. */
  onHeaders(headers: ReceivedHeaders): void;
  /** `consumed` has to be told once it is. */
  onData(chunk: Buffer): void;
  /** The server has said everything. With the trailers, or the headers of an answer that has nothing but those. */
  onEnd(headers: ReceivedHeaders | undefined): void;
  /** After `write` has said false: all of it was sent. */
  onDrain(): void;
  /** Both sides have ended, the connection is gone, or one of the sides has reset the stream with this code. */
  onClose(resetCode: number | undefined): void;
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly outgoing: OutgoingData;
  sendReset(id: number, code: number): void;
  sendWindowUpdate(id: number, bytes: number): void;
  removed(stream: ClientStream): void;
}

export interface StreamSettings {
  /** What this side may send for the time being, in bytes. */
  readonly sendWindowBytes: number;
  /** What the server may send before it is consumed, in bytes. */
  readonly receiveWindowBytes: number;
  /** Largest list of headers that is received, in bytes. */
  readonly maxHeaderBytes: number;
}

/** A request and its response, on one stream of HTTP/2 (RFC 9113, 5). */
export class ClientStream implements Sender {
  readonly id: number;
  readonly #owner: StreamOwner;
  readonly #listener: StreamListener;
  readonly #maxHeaderBytes: number;
  readonly #receiveWindow: ReceiveWindow;
  #sendWindow: number;
  #queue: Uint8Array[] = [];
  /** Bytes that wait to be sent. */
  queuedBytes = 0;
  #ending = false;
  #awaitsDrain = false;
  #answered = false;
  #localEnded = false;
  #remoteEnded = false;
  #closed = false;

  constructor(id: number, owner: StreamOwner, listener: StreamListener, settings: StreamSettings) {
    this.id = id;
    this.#owner = owner;
    this.#listener = listener;
    this.#maxHeaderBytes = settings.maxHeaderBytes;
    this.#receiveWindow = new ReceiveWindow(settings.receiveWindowBytes);
    this.#sendWindow = settings.sendWindowBytes;
  }

  /** Sends a part of the request. False: not all of it could be sent yet, and onDrain follows. */
  write(chunk: Uint8Array): boolean {
    if (this.#closed) return true;
    this.#enqueue(chunk);
    this.#awaitsDrain = this.queuedBytes > 0;
    return !this.#awaitsDrain;
  }

  /** Ends the request, with its last part. */
  end(chunk: Uint8Array = NOTHING): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.#enqueue(chunk);
  }

  /** Lets the server send as much again. */
  consumed(bytes: number): void {
    if (this.#closed || this.#remoteEnded) return;
    const due = this.#receiveWindow.consume(bytes);
    if (due > 0) this.#owner.sendWindowUpdate(this.id, due);
  }

  /** Ends both sides at once, with a code of RFC 9113, 7. */
  reset(code: number): void {
    if (this.#closed) return;
    this.#owner.sendReset(this.id, code);
    this.close(code);
  }

  take(maxBytes: number) {
    const [first] = this.#queue;
    if (!first || (this.#sendWindow <= 0 && first.length > 0)) return undefined;
    const bytes = first.subarray(0, Math.min(maxBytes, this.#sendWindow));
    if (bytes.length === first.length) this.#queue.shift();
    else this.#queue[0] = first.subarray(bytes.length);
    this.#sendWindow -= bytes.length;
    this.queuedBytes -= bytes.length;
    return { bytes, last: this.#ending && this.#queue.length === 0 };
  }

  sent(last: boolean): void {
    if (last) {
      this.#localEnded = true;
      this.#closeIfEnded();
    } else if (this.#awaitsDrain && this.queuedBytes === 0) {
      this.#awaitsDrain = false;
      this.#listener.onDrain();
    }
  }

  openSendWindow(bytes: number): void {
    this.#sendWindow += bytes;
    if (this.#sendWindow > MAX_WINDOW_BYTES) this.reset(constants.NGHTTP2_FLOW_CONTROL_ERROR);
    else if (this.#queue.length > 0) this.#owner.outgoing.add(this);
  }

  receiveHeaders(block: HeaderBlock): void {
    const { ended } = block;
    const headers = this.#read(block);
    if (!headers) {
      this.reset(constants.NGHTTP2_PROTOCOL_ERROR);
      return;
    }
    // RFC 9110, 15.2: such headers only say that others follow.
    if (!this.#answered && !ended && isInterim(headers)) return;
    this.#answered = true;
    if (ended) this.#receiveEnd(headers);
    else this.#listener.onHeaders(headers);
  }

  receiveData(chunk: Buffer, frameBytes: number, ended: boolean): void {
    this.#receiveWindow.receive(frameBytes);
    if (!this.#answered || this.#remoteEnded) {
      this.reset(constants.NGHTTP2_PROTOCOL_ERROR);
      return;
    }
    this.consumed(frameBytes - chunk.length);
    if (chunk.length > 0) this.#listener.onData(chunk);
    // Without trailers something went wrong, and a reset that says what may follow at once.
    if (ended) setImmediate(() => this.#receiveEnd(undefined));
  }

  /** It is over, for whatever reason. */
  close(resetCode?: number): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#owner.removed(this);
    this.#listener.onClose(resetCode);
  }

  /** Undefined for headers that are malformed, too many, or come where none may. */
  #read({ fields, ended }: HeaderBlock): ReceivedHeaders | undefined {
    let bytes = 0;
    for (const field of fields) bytes += fieldBytes(field);
    if (bytes > this.#maxHeaderBytes || this.#remoteEnded || (this.#answered && !ended)) return undefined;
    return readHeaders(fields, this.#answered ? "trailers" : "headers");
  }

  #receiveEnd(headers: ReceivedHeaders | undefined): void {
    if (this.#closed) return;
    this.#remoteEnded = true;
    this.#listener.onEnd(headers);
    this.#closeIfEnded();
  }

  #closeIfEnded(): void {
    if (this.#localEnded && this.#remoteEnded) this.close();
  }

  #enqueue(chunk: Uint8Array): void {
    this.#queue.push(chunk);
    this.queuedBytes += chunk.length;
    this.#owner.outgoing.add(this);
  }
}

const NOTHING = new Uint8Array();

function isInterim(headers: ReceivedHeaders): boolean {
  return headers[":status"]?.startsWith("1") === true;
}
