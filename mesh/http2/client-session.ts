import { constants } from "node:http2";
import type { Socket } from "node:net";
import { ClientStream, type StreamListener, type StreamOwner } from "./client-stream.ts";
import { FrameWriter } from "./frame-writer.ts";
import {
  DEFAULT_WINDOW_BYTES,
  Flag,
  type Frame,
  FrameReader,
  FrameType,
  MAX_FRAME_BYTES,
  PREFACE,
  Setting,
  unpad,
} from "./frames.ts";
import { HeaderAssembly } from "./header-assembly.ts";
import { HeaderEncoder } from "./header-encoder.ts";
import { Http2Error } from "./http2-error.ts";
import { OutgoingData } from "./outgoing-data.ts";
import { DEFAULT_PEER_SETTINGS, encodeSettings, readSettings } from "./peer-settings.ts";
import { ReceiveWindow } from "./receive-window.ts";

/** Told what happens to a session. */
export interface SessionListener {
  /** The server has said what it allows, for the first time or anew. */
  onSettings(): void;
  /** It takes no more streams. `code` is of RFC 9113, 7; `data` says more. */
  onGoaway(code: number, data: Buffer): void;
  /** The socket has closed, and every stream before. */
  onClose(): void;
}

export interface SessionOptions {
  /** What may come on one stream before it is consumed, in bytes. */
  readonly streamWindowBytes: number;
  /** What may come on all of them together, in bytes. */
  readonly connectionWindowBytes: number;
}

/** Most bytes of headers that are sent with a request, counted as in RFC 9113, 6.5.2. */
export const MAX_SENT_HEADER_BYTES = 60 * 1024;
/** Most bytes of headers that are received, counted likewise; the server is told. */
const MAX_RECEIVED_HEADER_BYTES = 64 * 1024;

// Encoding is over before anybody else can use it.
const headerBlock = Buffer.allocUnsafeSlow(MAX_SENT_HEADER_BYTES + 1024);

/**
 * The client's side of one HTTP/2 connection (RFC 9113), as far as gRPC needs it: requests and their responses, flow
 * control, settings, pings, and the end. Nothing is pushed, and priorities mean nothing.
 */
export class ClientSession implements StreamOwner {
  readonly outgoing: OutgoingData;
  /** Streams with higher ids were not looked at by the server: it has said so (RFC 9113, 6.8), or they were never sent. */
  lastStreamId = Number.POSITIVE_INFINITY;
  /** What ended it, unless it was closed in peace. */
  error: Error | undefined;
  /** Grows with everything that is received. */
  received = 0;
  readonly #socket: Socket;
  readonly #listener: SessionListener;
  readonly #options: SessionOptions;
  readonly #reader = new FrameReader();
  readonly #writer: FrameWriter;
  readonly #headersIn = new HeaderAssembly(MAX_RECEIVED_HEADER_BYTES);
  readonly #encoder = new HeaderEncoder();
  readonly #receiveWindow: ReceiveWindow;
  /** By id. No Map: each table that it has outgrown leads to the next one, so that one grown old keeps all streams since. */
  readonly #streams: Record<number, ClientStream> = Object.create(null);
  readonly #pings: (() => void)[] = [];
  readonly #byType: Readonly<Record<number, (frame: Frame) => void>> = {
    [FrameType.DATA]: (frame) => this.#data(frame),
    [FrameType.HEADERS]: (frame) => this.#headers(frame),
    [FrameType.CONTINUATION]: (frame) => this.#headers(frame),
    [FrameType.RST_STREAM]: (frame) => this.#stream(frame)?.close(read32(frame)),
    [FrameType.SETTINGS]: (frame) => this.#settings(frame),
    [FrameType.PUSH_PROMISE]: () => refusePush(),
    [FrameType.PING]: (frame) => this.#ping(frame),
    [FrameType.GOAWAY]: (frame) => this.#goaway(frame),
    [FrameType.WINDOW_UPDATE]: (frame) => this.#windowUpdate(frame),
  };
  #peer = DEFAULT_PEER_SETTINGS;
  #nextId = 1;
  #saidGoodbye = false;

  /** Takes over a socket, which may still be connecting. */
  constructor(socket: Socket, listener: SessionListener, options: SessionOptions) {
    this.#socket = socket;
    this.#listener = listener;
    this.#options = options;
    this.#writer = new FrameWriter(socket);
    this.outgoing = new OutgoingData(this.#writer);
    this.#receiveWindow = new ReceiveWindow(options.connectionWindowBytes);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("drain", () => this.outgoing.send());
    socket.on("error", (error) => {
      this.error ??= error;
    });
    socket.on("close", () => this.#closed());
    this.#greet();
  }

  get maxStreams(): number {
    return this.#peer.maxStreams;
  }

  /** Most bytes of headers that a stream may open with, counted as in RFC 9113, 6.5.2. */
  get maxHeaderBytes(): number {
    return Math.min(MAX_SENT_HEADER_BYTES, this.#peer.maxHeaderBytes);
  }

  /** Whether it neither sends nor receives any more. */
  get ended(): boolean {
    return this.#saidGoodbye || this.#socket.destroyed;
  }

  /**
   * Opens a stream. `headers` are names and values in turn, such as HTTP/2 allows, and no more than maxHeaderBytes.
   */
  open(headers: readonly string[], listener: StreamListener): ClientStream {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new ClientStream(id, this, listener, {
      sendWindowBytes: this.#peer.windowBytes,
      receiveWindowBytes: this.#options.streamWindowBytes,
      maxHeaderBytes: MAX_RECEIVED_HEADER_BYTES,
    });
    this.#streams[id] = stream;
    this.#sendHeaders(id, this.#encoder.encode(headers, headerBlock));
    return stream;
  }

  ping(answered: () => void): void {
    this.#pings.push(answered);
    this.#writer.write({ type: FrameType.PING }, EIGHT_BYTES);
  }

  /** Keeps the process alive, or no longer. */
  keepAlive(keep: boolean): void {
    if (keep) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Says goodbye and closes. The streams are over already, or are lost. */
  close(code: number = constants.NGHTTP2_NO_ERROR): void {
    if (this.ended) return;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(code, 4);
    this.#writer.write({ type: FrameType.GOAWAY }, payload);
    this.#writer.flush();
    this.#saidGoodbye = true;
    this.#socket.destroySoon();
    // A server that does not read would hold it open.
    const timer = setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  /** Ends it and every stream at once. */
  destroy(error?: Error): void {
    this.error ??= error;
    this.#socket.destroy();
  }

  sendReset(id: number, code: number): void {
    this.#send32(FrameType.RST_STREAM, id, code);
  }

  sendWindowUpdate(id: number, bytes: number): void {
    this.#send32(FrameType.WINDOW_UPDATE, id, bytes);
  }

  removed(stream: ClientStream): void {
    delete this.#streams[stream.id];
    this.outgoing.remove(stream);
  }

  #greet(): void {
    const { streamWindowBytes, connectionWindowBytes } = this.#options;
    const settings = new Map<number, number>([
      [Setting.ENABLE_PUSH, 0],
      [Setting.INITIAL_WINDOW_SIZE, streamWindowBytes],
      [Setting.MAX_HEADER_LIST_SIZE, MAX_RECEIVED_HEADER_BYTES],
    ]);
    this.#writer.writeBytes(PREFACE);
    this.#writer.write({ type: FrameType.SETTINGS }, encodeSettings(settings));
    this.sendWindowUpdate(0, connectionWindowBytes - DEFAULT_WINDOW_BYTES);
  }

  #sendHeaders(streamId: number, length: number): void {
    for (let at = 0; at < length; at += MAX_FRAME_BYTES) {
      const type = at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const end = Math.min(at + MAX_FRAME_BYTES, length);
      const flags = end === length ? Flag.END_HEADERS : 0;
      this.#writer.write({ type, flags, streamId }, headerBlock.subarray(at, end));
    }
  }

  #send32(type: number, streamId: number, value: number): void {
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32BE(value);
    this.#writer.write({ type, streamId }, payload);
  }

  #receive(chunk: Buffer): void {
    this.received++;
    try {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame && !this.ended; frame = this.#reader.next()) this.#take(frame);
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      this.error ??= error;
      this.close(error.code);
    }
  }

  #take(frame: Frame): void {
    this.#headersIn.check(frame);
    // RFC 9113, 4.1: types that are not known, and priorities, are passed over.
    this.#byType[frame.type]?.(frame);
  }

  #data(frame: Frame): void {
    const chunk = unpad(frame, false);
    const { length } = frame.payload;
    this.#receiveWindow.receive(length);
    // At once: a stream that is read slowly holds up nobody but itself.
    const due = this.#receiveWindow.consume(length);
    if (due > 0) this.sendWindowUpdate(0, due);
    this.#stream(frame)?.receiveData(chunk, length, hasEnded(frame));
  }

  #headers(frame: Frame): void {
    // Also for a stream that is gone: the next block builds on it.
    const block = this.#headersIn.take(frame);
    if (block) this.#stream(frame)?.receiveHeaders(block);
  }

  #settings({ flags, payload }: Frame): void {
    if (flags & Flag.ACK) return;
    this.#refuseFlood();
    const before = this.#peer;
    this.#peer = readSettings(before, payload);
    this.#encoder.resize(this.#peer.headerTableBytes);
    this.#writer.write({ type: FrameType.SETTINGS, flags: Flag.ACK }, NO_BYTES);
    const more = this.#peer.windowBytes - before.windowBytes;
    if (more !== 0) for (const stream of Object.values(this.#streams)) stream.openSendWindow(more);
    this.#listener.onSettings();
  }

  #ping({ flags, payload }: Frame): void {
    if (payload.length !== 8) throw Http2Error.frameSize(`a PING has ${payload.length} bytes`);
    if (flags & Flag.ACK) {
      this.#pings.shift()?.();
      return;
    }
    this.#refuseFlood();
    this.#writer.write({ type: FrameType.PING, flags: Flag.ACK }, payload);
  }

  /** Throws an Http2Error where a server wants answers and does not read them. */
  #refuseFlood(): void {
    if (this.#writer.unsentBytes <= MAX_UNSENT_BYTES) return;
    throw new Http2Error(constants.NGHTTP2_ENHANCE_YOUR_CALM, "the server asks without reading the answers");
  }

  #goaway({ payload }: Frame): void {
    if (payload.length < 8) throw Http2Error.frameSize(`a GOAWAY has ${payload.length} bytes`);
    this.lastStreamId = payload.readUInt32BE(0) & 0x7fffffff;
    this.#listener.onGoaway(payload.readUInt32BE(4), payload.subarray(8));
    for (const stream of Object.values(this.#streams)) if (stream.id > this.lastStreamId) stream.close();
  }

  #windowUpdate(frame: Frame): void {
    const bytes = read32(frame) & 0x7fffffff;
    if (bytes === 0) throw Http2Error.protocol("a window is opened by nothing");
    if (frame.streamId === 0) this.outgoing.openWindow(bytes);
    else this.#stream(frame)?.openSendWindow(bytes);
  }

  /** Undefined for one that is over. Throws an Http2Error for one that never was. */
  #stream({ streamId }: Frame): ClientStream | undefined {
    if (streamId % 2 === 0 || streamId >= this.#nextId) throw Http2Error.protocol(`there is no stream ${streamId}`);
    return this.#streams[streamId];
  }

  #closed(): void {
    this.lastStreamId = Math.min(this.lastStreamId, this.#writer.lastStreamId);
    for (const stream of Object.values(this.#streams)) stream.close();
    this.#listener.onClose();
  }
}

/** How long a server has to read what is sent before the end. */
const FAREWELL_MS = 1_000;
/** Data waits for room in the socket; more than this is requests, resets and answers to what a server asks. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;
const EIGHT_BYTES = Buffer.alloc(8);
const NO_BYTES = Buffer.alloc(0);

function refusePush(): never {
  throw Http2Error.protocol("the server pushes, though it may not");
}

function hasEnded({ flags }: Frame): boolean {
  return (flags & Flag.END_STREAM) !== 0;
}

function read32({ payload }: Frame): number {
  if (payload.length !== 4) throw Http2Error.frameSize(`a frame has ${payload.length} bytes in place of 4`);
  return payload.readUInt32BE(0);
}
