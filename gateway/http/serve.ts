import cluster from "node:cluster";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { TLSSocket } from "node:tls";
import { type Part, StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
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
  /** How long requests are still taken when stopping, in milliseconds: load balancers need a while to hear of it. */
  readonly drainDelayMs: number;
  /** How long requests may still run after that, in milliseconds. */
  readonly drainTimeoutMs: number;
}

// A slow client holds a connection at most this long for its headers, and without reading its answer.
const headersTimeoutMs = 20_000;
const stalledTimeoutMs = 60_000;
/** How long streams that are cut off have to say so. */
const farewellMs = 500;
/** Where the system has it, each of several workers listens by itself. Elsewhere their keeper deals connections out. */
const sharesPort = cluster.isWorker && !["darwin", "win32"].includes(process.platform);
/** Between two requests of a connection. */
const keepAliveTimeoutMs = 65_000;

/**
 * Creates the server. In plaintext the first bytes of a connection tell its version, under TLS it is agreed on by ALPN.
 * `stop` goes on as before for the delay but for `stopping`, then takes no new connections, tells HTTP/2 clients so,
 * lets running requests end, and cuts the rest. Throws a StartError for certificate files that cannot be used.
 */
export function createHttpPart(options: ServeOptions): HttpPart {
  const { host, port, tls, drainDelayMs, drainTimeoutMs } = options;
  const http2 = createHttp2Sessions({ idleMs: stalledTimeoutMs });
  const waiting = new Set<Socket>();
  const server = listenFor(http2, waiting, tls);
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
function listenFor(http2: Http2Sessions, waiting: Set<Socket>, tls: ServerCertificateFiles | undefined) {
  const limits = {
    headersTimeout: headersTimeoutMs,
    // A stream of requests may take long: how long a body may take is for its reader to say.
    requestTimeout: 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: maxHeadBytes,
    shouldUpgradeCallback: asksForWebSocket,
  };
  const server: Server | TlsServer = tls
    ? createTlsServer({ ...limits, ...readServerCertificate(tls), ALPNProtocols: ["h2", "http/1.1"] })
    : createServer(limits);
  const event = tls ? "secureConnection" : "connection";
  const [serveHttp1] = server.listeners(event);
  server.removeAllListeners(event);
  server.on(event, (socket: Socket) => {
    const handOver = (isHttp2: boolean) => {
      if (!isHttp2) return serveHttp1?.call(server, socket);
      // HTTP/1.1 goes on to answer a client that has said its last; a session of HTTP/2 would never end.
      socket.allowHalfOpen = false;
      return http2.server.emit("connection", socket);
    };
    if (socket instanceof TLSSocket) return handOver(socket.alpnProtocol === "h2");
    waiting.add(socket);
    socket.on("close", () => waiting.delete(socket));
    const found = (version: "1.1" | "2") => {
      waiting.delete(socket);
      handOver(version === "2");
    };
    sniffProtocol(socket, { timeoutMs: headersTimeoutMs, found });
  });
  // A client that does not read its answer; Node calls this for connections that are only silent, too.
  server.setTimeout(stalledTimeoutMs, (socket: Socket) => {
    if (socket.writableLength > 0) socket.destroy();
  });
  return server;
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
