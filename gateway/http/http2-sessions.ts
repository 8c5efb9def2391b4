import { constants, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { maxHeadBytes } from "./head-limits.ts";

/** HTTP/2 on connections that somebody else has accepted. */
export interface Http2Sessions {
  /** Emits "request" and "checkContinue". */
  readonly server: Http2Server;
  /** Serves HTTP/2 on a connection. */
  take(socket: Socket): void;
  /** Tells every client to make its further calls elsewhere (GOAWAY); calls under way, and on their way, are served. */
  drain(): void;
  /** Ends every connection, whatever is under way. */
  destroy(): void;
}

/** What keeps one client from taking more than its share. */
const limits = {
  maxHeaderListSize: maxHeadBytes,
  maxConcurrentStreams: 256,
};
/** Streams that a client may reset: so many at once, and so many a second on (CVE-2023-44487, "rapid reset"). */
const resets = { streamResetBurst: 500, streamResetRate: 50 };
const maxHeaderPairs = 128;
/** Of all streams of a connection; one by one they have 64 KiB. */
const connectionWindowBytes = 1024 * 1024;
/** What a connection may hold in memory, in megabytes. */
const maxSessionMemory = 32;
const anyStream = 2 ** 31 - 1;
/** How long a client that is told to leave has for what is on its way, in milliseconds, unless it answers sooner. */
const noticeMs = 250;

/**
 * Creates the HTTP/2 side of a server. A connection without calls is closed after `idleMs`, and one with calls whose
 * client is as long silent and does not answer a ping is cut off. A call whose client does not read its answer for as
 * long is reset.
 */
export function createHttp2Sessions({ idleMs }: { readonly idleMs: number }): Http2Sessions {
  const sessions = new Map<ServerHttp2Session, Socket>();
  const server = createServer({ settings: limits, maxHeaderListPairs: maxHeaderPairs, ...resets, maxSessionMemory });
  const follow = (session: ServerHttp2Session, socket: Socket) => {
    sessions.set(session, socket);
    socket.once("close", () => sessions.delete(session));
    session.setLocalWindowSize(connectionWindowBytes);
    endWhenSilent(session, idleMs);
    endWithSession(session, socket, idleMs);
  };
  // A broken connection is seen by its calls; without a listener nobody would be told, which is as well.
  server.on("sessionError", () => undefined);
  return {
    server,
    take(socket) {
      server.once("session", (session) => follow(session, socket));
      server.emit("connection", socket);
    },
    drain() {
      for (const session of sessions.keys()) drainSession(session);
    },
    destroy() {
      for (const [session, socket] of sessions) {
        if (session.destroyed) socket.destroy();
        else session.destroy();
      }
    },
  };
}

/**
 * When a client under TLS breaks off, Node may wait for ever to send the last frames of a session that is over, without
 * telling anyone.
 */
function endWithSession(session: ServerHttp2Session, socket: Socket, afterMs: number): void {
  const watch = setInterval(() => {
    if (session.destroyed) socket.destroy();
  }, afterMs);
  socket.once("close", () => clearInterval(watch));
}

function endWhenSilent(session: ServerHttp2Session, idleMs: number): void {
  let streams = 0;
  session.setTimeout(idleMs, () => {
    const timer = setTimeout(() => session.destroy(), idleMs);
    const settle = () => clearTimeout(timer);
    session.once("close", settle);
    if (streams === 0) return session.close();
    session.ping(() => {
      settle();
      session.off("close", settle);
    });
  });
  session.on("stream", (stream: ServerHttp2Stream) => {
    streams++;
    stream.on("close", () => streams--);
    stream.setTimeout(idleMs, () => {
      // A stream may be silent for long; one whose bytes nobody takes holds memory.
      if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL);
    });
  });
}

/**
 * In two steps (RFC 9113, section 6.8): the first lets in the calls that are on their way, and once the client has
 * answered a ping sent after it, it has seen the first.
 */
function drainSession(session: ServerHttp2Session): void {
  if (session.closed || session.destroyed) return;
  const close = () => {
    clearTimeout(timer);
    session.close();
  };
  // After a GOAWAY, Node does not notice that the client has closed the connection, and the ping would wait for ever.
  const timer = setTimeout(close, noticeMs);
  session.goaway(constants.NGHTTP2_NO_ERROR, anyStream);
  session.ping(close);
}
