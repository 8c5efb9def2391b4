import { AsyncLocalStorage } from "node:async_hooks";
import type { Attempt } from "./attempt.ts";
import { backoffMs } from "./backoff.ts";
import { Connection } from "./connection.ts";
import { type Address, type EndpointOptions, type EndpointSettings, parseAddress, settingsOf } from "./options.ts";
import { localStatus, Status } from "./status.ts";

/**
 * Connectivity of an endpoint: idle has no connection and wants none; ready has one that takes calls; backoff waits
 * after a failure, and calls made meanwhile end at once.
 */
export type EndpointState = "idle" | "connecting" | "ready" | "backoff" | "closed";

/** How much an endpoint holds at the moment. */
export interface EndpointCounts {
  readonly connections: number;
  /** Calls on a connection. */
  readonly streams: number;
  /** Calls that wait for one. */
  readonly waiting: number;
}

/**
 * One address and the connections to it. It connects with the first call, opens further connections when the server's
 * limit of streams is reached, and lets what does not fit wait.
 */
export class Endpoint {
  /** host:port. */
  readonly name: string;
  /** Told whenever the state has changed. */
  onState: ((state: EndpointState) => void) | undefined;
  readonly #address: Address;
  readonly #settings: EndpointSettings;
  // Connections outlive the call that they were opened for: they must not hold on to its context.
  readonly #inOwnContext = AsyncLocalStorage.snapshot();
  readonly #connections = new Set<Connection>();
  readonly #waiting = new Set<Attempt>();
  #keepaliveMs: number;
  #failures = 0;
  #backoff: NodeJS.Timeout | undefined;
  #lastError: Error | undefined;
  #state: EndpointState = "idle";

  /** Throws a TypeError when `name` is not of the form host:port. */
  constructor(name: string, options: EndpointOptions = {}) {
    this.name = name;
    this.#address = parseAddress(name);
    this.#settings = settingsOf(options);
    this.#keepaliveMs = this.#settings.keepalive.timeMs;
  }

  get state(): EndpointState {
    return this.#state;
  }

  /** Silence after which the server is pinged, in milliseconds: doubled each time that it says that this is too often. */
  get keepaliveMs(): number {
    return this.#keepaliveMs;
  }

  /** "https" with TLS, else "http". */
  get scheme(): string {
    return this.#settings.secure ? "https" : "http";
  }

  /** Calls that are under way or wait here. */
  get inFlight(): number {
    const { streams, waiting } = this.counts;
    return streams + waiting;
  }

  get counts(): EndpointCounts {
    let streams = 0;
    for (const connection of this.#connections) streams += connection.streams;
    return { connections: this.#connections.size, streams, waiting: this.#waiting.size };
  }

  /** Connects unless there is a connection, or is to be one. */
  connect(): void {
    if (this.#state === "idle") this.#grow();
  }

  /** Starts an attempt now, lets it wait for a connection, or ends it. */
  start(attempt: Attempt): void {
    const connection = this.#waiting.size === 0 ? this.#withRoom() : undefined;
    if (connection) attempt.open(connection);
    else if (this.#state === "closed") attempt.end(localStatus(Status.UNAVAILABLE, this.#closedMessage, "unsent"));
    else if (this.#state === "backoff") attempt.end(this.#unavailable());
    else if (this.#waiting.size >= this.#settings.maxWaiting) attempt.end(this.#full());
    else {
      this.#waiting.add(attempt);
      this.#grow();
    }
  }

  /** An attempt waits no longer. */
  forget(attempt: Attempt): void {
    this.#waiting.delete(attempt);
  }

  /** Takes no more calls, and closes its connections once those in flight have ended. */
  drain(): void {
    this.#retire();
    for (const connection of this.#connections) {
      if (connection.state === "connecting") connection.destroy();
      else connection.drain();
    }
  }

  /** Ends every call and connection at once. */
  close(): void {
    this.#retire();
    for (const connection of this.#connections) connection.destroy();
  }

  #retire(): void {
    clearTimeout(this.#backoff);
    this.#setState("closed");
    for (const attempt of this.#takeWaiting())
      attempt.end(localStatus(Status.UNAVAILABLE, this.#closedMessage, "unsent"));
  }

  /** The first with room: connections that are not needed get idle and close. */
  #withRoom(): Connection | undefined {
    for (const connection of this.#connections) if (connection.hasRoom) return connection;
    return undefined;
  }

  #grow(): void {
    let usable = 0;
    for (const { state } of this.#connections) {
      if (state === "connecting") return;
      if (state === "ready") usable++;
    }
    if (this.#backoff || usable >= this.#settings.maxConnections) return;
    this.#connections.add(this.#inOwnContext(() => this.#newConnection()));
    this.#settle();
  }

  #newConnection(): Connection {
    const keepalive = { ...this.#settings.keepalive, timeMs: this.#keepaliveMs };
    const listener = {
      onReady: () => {
        this.#failures = 0;
        this.#settle();
      },
      onRoom: () => {
        if (this.#waiting.size > 0) this.#serveWaiting();
      },
      onDraining: (connection: Connection, calm: boolean) => {
        if (calm) this.#keepaliveMs *= 2;
        this.#settle();
        if (connection.wasUsed && this.#waiting.size > 0) this.#grow();
      },
      onClosed: (connection: Connection, error: Error | undefined) => this.#lost(connection, error),
    };
    return new Connection(this.#address, this.#settings, listener, keepalive);
  }

  #serveWaiting(): void {
    for (const attempt of this.#waiting) {
      const connection = this.#withRoom();
      if (!connection) break;
      this.#waiting.delete(attempt);
      attempt.open(connection);
    }
    if (this.#waiting.size > 0) this.#grow();
  }

  #lost(connection: Connection, error: Error | undefined): void {
    this.#connections.delete(connection);
    this.#lastError = error ?? this.#lastError;
    if (this.#state === "closed") return;
    // Also a server that greets and leaves, again and again, while calls wait for it.
    if (!connection.wasReady || (!connection.wasUsed && this.#waiting.size > 0)) this.#backOff();
    this.#settle();
    if (this.#state === "backoff") for (const attempt of this.#takeWaiting()) attempt.end(this.#unavailable());
    else if (this.#waiting.size > 0) this.#grow();
  }

  /** Only where nothing came of a connection: one that was of use may be replaced at once. */
  #backOff(): void {
    clearTimeout(this.#backoff);
    const waitMs = backoffMs(++this.#failures, this.#settings.backoff);
    const over = () => {
      this.#backoff = undefined;
      this.#settle();
      if (this.#waiting.size > 0) this.#grow();
    };
    this.#backoff = this.#inOwnContext(() => setTimeout(over, waitMs)).unref();
  }

  #settle(): void {
    if (this.#state === "closed") return;
    const states = new Set([...this.#connections].map(({ state }) => state));
    if (states.has("ready")) this.#setState("ready");
    else if (states.has("connecting")) this.#setState("connecting");
    else this.#setState(this.#backoff ? "backoff" : "idle");
  }

  #setState(state: EndpointState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.onState?.(state);
  }

  #takeWaiting(): Attempt[] {
    const attempts = [...this.#waiting];
    this.#waiting.clear();
    return attempts;
  }

  get #closedMessage(): string {
    return `the client of ${this.name} is closed`;
  }

  #unavailable() {
    const why = this.#lastError?.message ?? "the connection was closed";
    return localStatus(Status.UNAVAILABLE, `no connection to ${this.name}: ${why}`, "unsent");
  }

  #full() {
    const { maxWaiting } = this.#settings;
    return localStatus(Status.RESOURCE_EXHAUSTED, `${maxWaiting} calls already wait for ${this.name}`, "unsent");
  }
}
