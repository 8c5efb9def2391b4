import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { Socket } from "node:net";
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
// nghttp2 sends no more than 64 KiB of headers, and ends the whole connection over those that it does not send.
const MAX_HEADER_BYTES = 60 * 1024;

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
  /** Grows with everything that is received; streams count themselves. */
  received = 0;
  /** Most bytes of headers that a stream may open with, as HTTP/2 counts them (RFC 9113, 6.5.2). */
  maxHeaderBytes = MAX_HEADER_BYTES;
  /** Streams with higher ids were not looked at by the server, which has said so (RFC 9113, 6.8). */
  lastStreamId = Number.POSITIVE_INFINITY;
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
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
  readonly #background = new Set<ClientHttp2Stream>();
  #stopKeepalive: (() => void) | undefined;
  #maxStreams = 0;
  #error: Error | undefined;

  constructor(address: Address, settings: EndpointSettings, listener: ConnectionListener, keepalive: KeepaliveOptions) {
    this.#listener = listener;
    this.#settings = settings;
    this.#keepalive = keepalive;
    this.#socket = openSocket(address, settings.secure);
    const { host, port } = address;
    const authority = `${settings.secure ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.#session = connect(authority, {
      createConnection: () => this.#socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
      // What Node assumes until the server has spoken; HTTP/2 has no limit by itself.
      peerMaxConcurrentStreams: 0x7fffffff,
      // Node would end streams of a connection that holds more than 10 MB; flow control is what bounds it here.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
    });
    this.#listen();
    const { connectTimeoutMs } = settings;
    this.#connectTimer = setTimeout(() => {
      this.destroy(new Error(`the server was not ready within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
  }

  /** Whether another stream may be opened. */
  get hasRoom(): boolean {
    return this.state === "ready" && this.streams < this.#maxStreams && !this.#session.destroyed;
  }

  /** Whether it ever had a stream. */
  get wasUsed(): boolean {
    return this.#opened > 0;
  }

  /** Why it was, or is about to be, lost. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Whether every stream has ended with it. */
  get destroyed(): boolean {
    return this.#session.destroyed;
  }

  /**
   * Opens a stream; the caller says `released` when it has closed. Only while there is room. Throws for headers that
   * HTTP/2 does not allow.
   */
  open(headers: string[], background: boolean): ClientHttp2Stream {
    const stream = this.#session.request(headers, { endStream: false });
    this.streams++;
    // A connection without calls, or with none but such in the background, does not keep the process alive.
    if (background) this.#background.add(stream);
    else if (this.#holding++ === 0) this.#session.ref();
    if (++this.#opened === this.#settings.maxCallsPerConnection) this.drain();
    return stream;
  }

  /** A stream has closed. */
  released(stream: ClientHttp2Stream): void {
    if (!this.#background.delete(stream) && --this.#holding === 0 && this.state !== "closed") this.#session.unref();
    if (--this.streams === 0 && this.state !== "closed") {
      this.#idleSinceMs = Date.now();
      if (this.state === "draining") this.#session.close();
    }
    this.#endBackground();
    this.#tellRoom();
  }

  ping(answered: () => void): void {
    if (this.state === "closed") return;
    this.#session.ping((error) => {
      if (!error) answered();
    });
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
    this.#error ??= error;
    this.#session.destroy();
    this.#socket.destroy();
    setImmediate(() => this.#closed());
  }

  #listen(): void {
    const session = this.#session;
    session.on("connect", () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
    session.on("remoteSettings", ({ maxConcurrentStreams, maxHeaderListSize }) => {
      this.maxHeaderBytes = Math.min(MAX_HEADER_BYTES, maxHeaderListSize ?? MAX_HEADER_BYTES);
      this.#maxStreams = maxConcurrentStreams ?? 0x7fffffff;
      if (this.state === "connecting") this.#ready();
      this.#tellRoom();
    });
    session.on("goaway", (code, lastStreamId, data) => this.#goaway(code, lastStreamId, data));
    session.on("error", (error) => {
      this.#error ??= error;
    });
    session.on("close", () => this.#closed());
    // Node's session says nothing when the other side refuses the handshake after this side has finished it (TLS 1.3).
    this.#socket.on("error", (error) => this.destroy(error));
  }

  #ready(): void {
    this.state = "ready";
    this.wasReady = true;
    clearTimeout(this.#connectTimer);
    if (this.#holding === 0) this.#session.unref();
    this.#idleSinceMs = Date.now();
    this.#idleTimer = setTimeout(() => this.#closeIdle(), this.#settings.idleTimeoutMs).unref();
    this.#stopKeepalive = keepAlive(this, this.#keepalive);
    this.#listener.onReady(this);
  }

  #tellRoom(): void {
    if (this.hasRoom) this.#listener.onRoom(this);
  }

  #goaway(code: number, lastStreamId: number, data: Buffer | undefined): void {
    this.lastStreamId = lastStreamId;
    const was = this.state;
    if (was === "closed") return;
    this.state = "draining";
    // gRFC A8: a server that is asked too often says so, and is asked half as often from then on.
    const calm = code === constants.NGHTTP2_ENHANCE_YOUR_CALM && data?.toString() === "too_many_pings";
    if (code !== constants.NGHTTP2_NO_ERROR) this.#error ??= new Error(`the server ended with HTTP/2 code ${code}`);
    if (was !== "draining") this.#listener.onDraining(this, calm);
    this.#endBackground();
  }

  /** Calls in the background may go on for ever: they do not hold up a connection that is to close. */
  #endBackground(): void {
    if (this.state !== "draining" || this.#holding > 0) return;
    for (const stream of this.#background) stream.close(constants.NGHTTP2_CANCEL);
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
    this.#listener.onClosed(this, this.#error ?? silent);
  }
}
