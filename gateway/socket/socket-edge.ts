import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Registry } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { type WebSocket, WebSocketServer } from "ws";
import type { StreamLimits } from "../config.ts";
import type { Gate } from "../guard/authenticate.ts";
import type { Cors } from "../guard/cors.ts";
import { EdgeError } from "../http/edge-error.ts";
import { type Exchange, headerOf, remainingMs } from "../http/exchange.ts";
import { readTimeout } from "../http/timeout.ts";
import type { Upgrade } from "../http/upgrade.ts";
import type { Upstreams } from "../upstream/call-upstream.ts";
import { converse } from "./converse.ts";
import type { FindCall } from "./find-call.ts";
import { readSubprotocols } from "./subprotocol.ts";

/** What WebSockets need. */
export interface SocketOptions {
  readonly find: FindCall;
  readonly gate: Gate;
  readonly cors: Cors;
  readonly upstreams: Upstreams;
  readonly registry: Registry;
  /** Largest message, in bytes. */
  readonly maxMessageBytes: number;
  readonly streams: StreamLimits;
  /** Aborts when the gateway cuts off what still runs. */
  cut(): AbortSignal;
}

/** Answers a request for a WebSocket. Until that is open, what it throws is the answer's error. */
export type ServeSocket = (exchange: Exchange, upgrade: Upgrade) => Promise<void>;

/**
 * Creates the side of the gateway that browsers call by WebSocket: check where the page is from, find the method, admit
 * the caller, shake hands, carry the call.
 */
export function createSocketEdge(options: SocketOptions): ServeSocket {
  const { find, gate, cors, upstreams, streams, registry, cut } = options;
  return async (exchange, upgrade) => {
    const { request } = exchange;
    checkHandshake(exchange);
    checkOrigin(exchange, cors);
    const call = find(exchange);
    exchange.notes.route = call.name;
    const { format, chosen, token } = readSubprotocols(headerOf(request, "sec-websocket-protocol"));
    if (token !== undefined) takeToken(exchange, token);
    await gate(exchange, call.policy);
    const timeoutMs = remainingMs(exchange, call.policy, readTimeout(request.headers));
    const conversation = {
      ...{ method: call.method, codec: call.codec(format), request: call.request(), timeoutMs, registry },
      ...{ limits: streams, stop: cut() },
      transport: upstreams.channel(call.policy.method.parent),
    };
    exchange.notes.status = 101;
    await upgrade.accept((request, duplex, head) => {
      return shakeHands({ request, duplex, head, chosen, maxPayload: options.maxMessageBytes }, (socket) =>
        converse(socket, exchange, conversation),
      );
    });
  };
}

interface Handshake {
  readonly request: IncomingMessage;
  readonly duplex: Duplex;
  readonly head: Buffer;
  readonly chosen: string | undefined;
  readonly maxPayload: number;
}

/** Opens the WebSocket, and returns when it is closed and nobody uses it any more. */
async function shakeHands(handshake: Handshake, use: (socket: WebSocket) => Promise<void>): Promise<void> {
  const { request, duplex, head, chosen, maxPayload } = handshake;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const server = new WebSocketServer({ noServer: true, maxPayload, handleProtocols: () => chosen ?? false });
  duplex.once("close", resolve);
  let used: Promise<void> | undefined;
  server.handleUpgrade(request, duplex, head, (socket) => {
    used = use(socket);
  });
  await closed;
  await used;
}

/** What the library would refuse without saying what is right (RFC 6455, section 4.2). */
function checkHandshake({ method, request }: Exchange): void {
  const refuse = (message: string, status: number, headers: Record<string, string> = {}) => {
    throw new EdgeError(message, Code.InvalidArgument, { status, headers });
  };
  if (method !== "GET") refuse(`a WebSocket is opened by GET, not ${method}`, 405, { Allow: "GET" });
  if (request.headers["sec-websocket-version"] !== "13") {
    refuse("WebSockets are served in version 13", 426, { "Sec-WebSocket-Version": "13", Upgrade: "websocket" });
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headerOf(request, "sec-websocket-key") ?? "")) {
    refuse("Sec-WebSocket-Key must be 16 bytes in base64", 400);
  }
}

/**
 * A page may open a WebSocket to anywhere, and no preflight asks: that of another site would speak with what the
 * browser knows of the user. Clients that are no browsers have no origin.
 */
function checkOrigin({ request }: Exchange, cors: Cors): void {
  const { origin, host } = request.headers;
  if (origin === undefined || cors.admits(origin) || origin.replace(/^https?:\/\//, "") === host) return;
  throw new EdgeError(`pages of ${origin} may not call`, Code.PermissionDenied);
}

function takeToken({ request }: Exchange, token: string): void {
  if (request.headers.authorization !== undefined) {
    throw new EdgeError("the token is given twice, as header and as subprotocol", Code.InvalidArgument);
  }
  request.headers.authorization = `Bearer ${token}`;
}
