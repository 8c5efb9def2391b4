import cluster from "node:cluster";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { TLSSocket } from "node:tls";
import { type Part, StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import type { ClientLimits } from "./client-limits.ts";
import { goingAway } from "./going-away.ts";
import { maxHeadBytes, refuseHead } from "./head-limits.ts";
import { createHttp2Sessions, type Http2Sessions } from "./http2-sessions.ts";
import type { HttpRequest, HttpResponse } from "./message.ts";
import { followCertificate, readServerCertificate, type ServerCertificateFiles } from "./server-certificate.ts";
import { sniffProtocol } from "./sniff-protocol.ts";
import { asksForWebSocket, beginUpgrade, type Upgrade } from "./upgrade.ts";

/** A server of HTTP/1.1 and HTTP/2 on one port that stops gently. */
export type HttpPart = Part & {
  /** http://host:port, or https, once it has started. */
  readonly url: string;
  /** Whether `stop` has begun. */
  readonly stopping: boolean;
  /** Aborts with `goingAway` when what still runs is cut off, a moment before its connections are closed. */
  readonly cut: AbortSignal;
};

/** Where to listen, and who answers. */
export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Name of the variable that sets the port, for the message when it is in use. */
  readonly portVariable: string;
  /** Set: TLS only. The files are followed when they change. */
  readonly tls?: ServerCertificateFiles | undefined;
  readonly listener: (request: HttpRequest, response: HttpResponse, upgrade?: Upgrade) => void;
  readonly log: Logger;
  readonly clients: ClientLimits;
  /** How long requests are still taken when stopping, in milliseconds: load balancers need a while to hear of it. */
  readonly drainDelayMs: number;
  /** How long requests may still run after that, in milliseconds. */
  readonly drainTimeoutMs: number;
}

/** How long streams that are cut off have to say so. */
const farewellMs = 500;
/** Where the system has it, each of several workers listens by itself. Elsewhere their keeper deals connections out. */
const sharesPort = cluster.isWorker && !["darwin", "win32"].includes(process.platform);
/** How late Node may notice that a head takes too long, at most, in milliseconds. */
const lookAtHeadsMs = 5_000;

/**
 * Creates the server. In plaintext the first bytes of a connection tell its version, under TLS it is agreed on by ALPN.
 * `stop` goes on as before for the delay but for `stopping`, then takes no new connections, tells HTTP/2 clients so,
 * lets running requests end, and cuts the rest. Throws a StartError for certificate files that cannot be used.
 */
export function createHttpPart(options: ServeOptions): HttpPart {
  const { host, port, tls, clients, drainDelayMs, drainTimeoutMs } = options;
  const http2 = createHttp2Sessions({ idleMs: clients.stallTimeoutMs });
  const waiting = new Set<Socket>();
  const server = listenFor(http2, waiting, options);
  const state = { stopping: false, closing: false, cut: new AbortController() };
  answerOn(server, http2, options.listener, state);
  let endFollowing = () => {};
  return {
    name: "http",
    get url() {
      return urlOf(tls ? "https" : "http", host, server.address());
    },
    get stopping() {
      return state.stopping;
    },
    get cut() {
      return state.cut.signal;
    },
    async start() {
      Object.assign(state, { stopping: false, closing: false, cut: new AbortController() });
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once("error", (error) => reject(startFault(error, options)));
      server.listen({ port, host, reusePort: sharesPort }, resolve);
      await promise;
      if (tls && "setSecureContext" in server) endFollowing = followCertificate(server, tls, options);
    },
    async stop() {
      state.stopping = true;
      endFollowing();
      if (!server.listening) return;
      if (drainDelayMs > 0) await sleep(drainDelayMs);
      state.closing = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      http2.drain();
      for (const socket of waiting) socket.destroy();
      const timer = setTimeout(() => state.cut.abort(goingAway), drainTimeoutMs);
      const end = setTimeout(() => {
        server.closeAllConnections();
        http2.destroy();
      }, drainTimeoutMs + farewellMs);
      await promise;
      for (const each of [timer, end]) clearTimeout(each);
    },
  };
}

/** The server that accepts, which serves HTTP/1.1 itself and hands HTTP/2 over. */
function listenFor(http2: Http2Sessions, waiting: Set<Socket>, { tls, clients }: ServeOptions) {
  const { headTimeoutMs, stallTimeoutMs } = clients;
  const limits = {
    headersTimeout: headTimeoutMs,
    connectionsCheckingInterval: Math.min(headTimeoutMs, lookAtHeadsMs),
    // A stream of requests may take long: how long a body may take is for its reader to say.
    requestTimeout: 0,
    keepAliveTimeout: stallTimeoutMs,
    maxHeaderSize: maxHeadBytes,
    shouldUpgradeCallback: asksForWebSocket,
  };
  const server: Server | TlsServer = tls
    ? createTlsServer({
        ...{ ...limits, ...readServerCertificate(tls) },
        ...{ handshakeTimeout: headTimeoutMs, ALPNProtocols: ["h2", "http/1.1"] },
      })
    : createServer(limits);
  const event = tls ? "secureConnection" : "connection";
  const [serveHttp1] = server.listeners(event);
  server.removeAllListeners(event);
  server.on(event, (socket: Socket) => {
    const handOver = (isHttp2: boolean) => {
      if (!isHttp2) return serveHttp1?.call(server, socket);
      // HTTP/1.1 goes on to answer a client that has said its last; a session of HTTP/2 would never end.
      socket.allowHalfOpen = false;
      return http2.take(socket);
    };
    if (socket instanceof TLSSocket) return handOver(socket.alpnProtocol === "h2");
    waiting.add(socket);
    socket.on("close", () => waiting.delete(socket));
    const found = (version: "1.1" | "2") => {
      waiting.delete(socket);
      handOver(version === "2");
    };
    sniffProtocol(socket, { timeoutMs: headTimeoutMs, found });
  });
  endStalled(server, stallTimeoutMs);
  return server;
}

/** Ends connections on which a client does not read its answer, or has asked for nothing. */
function endStalled(server: Server | TlsServer, stallTimeoutMs: number): void {
  const answering = new WeakMap<Socket, number>();
  const count = (socket: Socket, more: number) => answering.set(socket, (answering.get(socket) ?? 0) + more);
  for (const event of ["request", "checkContinue"]) {
    server.on(event, ({ socket }: IncomingMessage, response: ServerResponse) => {
      count(socket, 1);
      response.on("close", () => count(socket, -1));
    });
  }
  // What becomes of it is for its own protocol to say.
  server.on("upgrade", ({ socket }: IncomingMessage) => count(socket, 1));
  // Node calls this for whatever is silent: an answer may be long in coming. With this listener it closes nothing itself.
  server.setTimeout(stallTimeoutMs, (socket: Socket) => {
    if (socket.writableLength > 0 || !answering.get(socket)) socket.destroy();
  });
}

function answerOn(
  server: Server | TlsServer,
  http2: Http2Sessions,
  listener: ServeOptions["listener"],
  state: { readonly stopping: boolean; readonly closing: boolean },
): void {
  const answer = (request: HttpRequest, response: HttpResponse) => {
    if (state.stopping && "shouldKeepAlive" in response) response.shouldKeepAlive = false;
    // A connection that was kept alive before the stop would hold it up until it times out.
    response.on("close", () => {
      if (state.closing) setImmediate(() => server.closeIdleConnections());
    });
    if (!refuseHead(request, response)) listener(request, response);
  };
  // The listener decides whether the client may go on; without "checkContinue", Node would say yes before anyone looked.
  for (const event of ["request", "checkContinue"]) {
    server.on(event, answer);
    http2.server.on(event, answer);
  }
  server.on("upgrade", (request, connection, head) => {
    const { response, upgrade } = beginUpgrade(request, connection, head);
    if (!refuseHead(request, response)) listener(request, response, upgrade);
  });
}

function startFault(error: NodeJS.ErrnoException, { host, port, portVariable }: ServeOptions): Error {
  if (error.code === "EADDRINUSE") {
    return new StartError(`Port ${port} on ${host} is in use. Stop what uses it, or set ${portVariable} to another.`);
  }
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") {
    return new StartError(`This machine has no address "${host}". Set HEDDLE_HOST to one that it has.`);
  }
  if (error.code === "EACCES") return new StartError(`Port ${port} needs privileges. Set ${portVariable} to another.`);
  return error;
}

function urlOf(scheme: string, host: string, address: AddressInfo | string | null): string {
  if (address === null || typeof address === "string") return "";
  // "Every address" is no address to call.
  const reachable =
    host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host;
  return `${scheme}://${reachable}:${address.port}`;
}
