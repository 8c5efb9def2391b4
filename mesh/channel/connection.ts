import { constants } from "node:http2";
import { ClientSession, type ClientStream, type StreamListener } from "#mesh/http2";
import { keepAlive } from "./keepalive.ts";
import { openSocket } from "./open-socket.ts";
import type { Address, EndpointSettings, KeepaliveOptions } from "./options.ts";

/** What happens to a connection. */
export interface ConnectionListener {
  /** It can be used. */
  onReady(connection: Connection): void;
  /** It takes streams, or more of them than before. */
  onRoom(connection: Connection): void;
  /** It takes no more streams; those that run go on to their end. `calm`: the server is pinged too often. */
  onDraining(connection: Connection, calm: boolean): void;
  /** It is gone. `error` says why, undefined for one that was closed in peace. */
  onClosed(connection: Connection, error: Error | undefined): void;
}

// One stream may not fill the memory, and one that is read slowly may not hold up the others.
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * One HTTP/2 connection to a server. It connects at once, and once it is gone it stays gone: its endpoint makes the
 * next one.
 */
export class Connection {
  state: "connecting" | "ready" | "draining" | "closed" = "connecting";
  /** Streams that are open. */
  streams = 0;
  /** Whether it ever took streams. */
  wasReady = false;
  readonly #session: ClientSession;
  readonly #listener: ConnectionListener;
  readonly #settings: EndpointSettings;
  readonly #keepalive: KeepaliveOptions;
  #opened = 0;
  readonly #connectTimer: NodeJS.Timeout;
  #idleTimer: NodeJS.Timeout | undefined;
  #idleSinceMs = 0;
  /** Streams that keep the process alive. */
  #holding = 0;
  /** The others. */
  readonly #background = new Set<ClientStream>();
  #stopKeepalive: (() => void) | undefined;

  constructor(address: Address, settings: EndpointSettings, listener: ConnectionListener, keepalive: KeepaliveOptions) {
    this.#listener = listener;
    this.#settings = settings;
    this.#keepalive = keepalive;
    const windows = { streamWindowBytes: STREAM_WINDOW_BYTES, connectionWindowBytes: CONNECTION_WINDOW_BYTES };
    this.#session = new ClientSession(openSocket(address, settings.secure), this.#sessionListener(), windows);
    const { connectTimeoutMs } = settings;
    this.#connectTimer = setTimeout(() => {
      this.destroy(new Error(`the server was not ready within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
  }

  /** Whether another stream may be opened. */
  get hasRoom(): boolean {
    return this.state === "ready" && this.streams < this.#session.maxStreams && !this.#session.ended;
  }

  /** Whether it ever had a stream. */
  get wasUsed(): boolean {
    return this.#opened > 0;
  }

  /** Why it was, or is about to be, lost. */
  get error(): Error | undefined {
    return this.#session.error;
  }

  /** Grows with everything that is received. */
  get received(): number {
    return this.#session.received;
  }

  /** Most bytes of headers that a stream may open with, as HTTP/2 counts them (RFC 9113, 6.5.2). */
  get maxHeaderBytes(): number {
    return this.#session.maxHeaderBytes;
  }

  /** Streams with higher ids were not looked at by the server: it has said so (RFC 9113, 6.8), or they were never sent. */
  get lastStreamId(): number {
    return this.#session.lastStreamId;
  }

  /** Opens a stream; the caller says `released` when it has closed. Only while there is room. */
  open(headers: readonly string[], listener: StreamListener, background: boolean): ClientStream {
    const stream = this.#session.open(headers, listener);
    this.streams++;
    // A connection without calls, or with none but such in the background, does not keep the process alive.
    if (background) this.#background.add(stream);
    else if (this.#holding++ === 0) this.#session.keepAlive(true);
    if (++this.#opened === this.#settings.maxCallsPerConnection) this.drain();
    return stream;
  }

  /** A stream has closed. */
  released(stream: ClientStream): void {
    if (!this.#background.delete(stream) && --this.#holding === 0 && this.state !== "closed")
      this.#session.keepAlive(false);
    if (--this.streams === 0 && this.state !== "closed") {
      this.#idleSinceMs = Date.now();
      if (this.state === "draining") this.#session.close();
    }
    this.#endBackground();
    this.#tellRoom();
  }

  ping(answered: () => void): void {
    if (this.state === "closed") return;
    this.#session.ping(answered);
  }

  lost(error: Error): void {
    this.destroy(error);
  }

  /** Takes no more streams and closes once those that run have ended. */
  drain(): void {
    if (this.state !== "ready") return;
    this.state = "draining";
    // Not before: a GOAWAY overtakes the streams that were just opened, and a server may refuse what comes after it.
    if (this.streams === 0) this.#session.close();
    this.#listener.onDraining(this, false);
    this.#endBackground();
  }

  /** Ends it and every stream at once. */
  destroy(error?: Error): void {
    this.#session.destroy(error);
  }

  #sessionListener() {
    return {
      onSettings: () => {
        if (this.state === "connecting") this.#ready();
        this.#tellRoom();
      },
      onGoaway: (code: number, data: Buffer) => this.#goaway(code, data),
      onClose: () => this.#closed(),
    };
  }

  #ready(): void {
    this.state = "ready";
    this.wasReady = true;
    clearTimeout(this.#connectTimer);
    if (this.#holding === 0) this.#session.keepAlive(false);
    this.#idleSinceMs = Date.now();
    this.#idleTimer = setTimeout(() => this.#closeIdle(), this.#settings.idleTimeoutMs).unref();
    this.#stopKeepalive = keepAlive(this, this.#keepalive);
    this.#listener.onReady(this);
  }

  #tellRoom(): void {
    if (this.hasRoom) this.#listener.onRoom(this);
  }

  #goaway(code: number, data: Buffer): void {
    const was = this.state;
    if (was === "closed") return;
    this.state = "draining";
    // gRFC A8: a server that is asked too often says so, and is asked half as often from then on.
    const calm = code === constants.NGHTTP2_ENHANCE_YOUR_CALM && data.toString() === "too_many_pings";
    if (was !== "draining") this.#listener.onDraining(this, calm);
    // A server that has had an error is not waited for.
    if (code !== constants.NGHTTP2_NO_ERROR) this.destroy(new Error(`the server ended with HTTP/2 code ${code}`));
    else if (this.streams === 0) this.#session.close();
    this.#endBackground();
  }

  /** Calls in the background may go on for ever: they do not hold up a connection that is to close. */
  #endBackground(): void {
    if (this.state !== "draining" || this.#holding > 0) return;
    for (const stream of this.#background) stream.reset(constants.NGHTTP2_CANCEL);
  }

  #closeIdle(): void {
    const restMs = this.#idleSinceMs + this.#settings.idleTimeoutMs - Date.now();
    if (this.streams === 0 && restMs <= 0) {
      this.drain();
      return;
    }
    const nextMs = this.streams === 0 ? restMs : this.#settings.idleTimeoutMs;
    this.#idleTimer = setTimeout(() => this.#closeIdle(), nextMs).unref();
  }

  #closed(): void {
    if (this.state === "closed") return;
    const before = this.state;
    this.state = "closed";
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#idleTimer);
    this.#stopKeepalive?.();
    const silent = before === "draining" ? undefined : new Error("the server closed the connection");
    this.#listener.onClosed(this, this.error ?? silent);
  }
}
