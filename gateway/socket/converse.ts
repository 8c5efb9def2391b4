import type { DescMethodStreaming, Registry } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { WebSocket } from "ws";
import type { StreamLimits } from "../config.ts";
import { statusJson, toConnectError } from "../http/error-status.ts";
import type { Exchange } from "../http/exchange.ts";
import { watchIdle } from "../http/idle.ts";
import { callStream, type UpstreamChannel } from "../upstream/call-upstream.ts";
import { type Closing, closingOf, wellDone } from "./close-code.ts";
import { type FrameCodec, readFrames, writeFrame } from "./frames.ts";
import { keepAlive } from "./keep-alive.ts";

/** How long a client has to take its last frames and to answer the close, in milliseconds. */
const patienceMs = 5_000;

/** A call that a WebSocket carries. */
export interface Conversation {
  readonly method: DescMethodStreaming;
  readonly codec: FrameCodec;
  /** The encoded request, where the URL is all of it. */
  readonly request: Uint8Array | undefined;
  readonly transport: UpstreamChannel;
  readonly timeoutMs: number;
  readonly limits: StreamLimits;
  readonly registry: Registry;
  /** Aborts when the gateway cuts off what still runs. */
  readonly stop: AbortSignal;
}

/**
 * Carries a call by a WebSocket, from its opening to its end. Each frame is a message; the client's empty text frame
 * ends its part. The end of the call closes the WebSocket: a failure with `{"error": Status}` in a last text frame.
 * A slow side slows the other down; a client that leaves, or stands still, ends the call.
 */
export async function converse(socket: WebSocket, exchange: Exchange, call: Conversation): Promise<void> {
  const { method, codec, transport, timeoutMs, limits } = call;
  const leaving = new AbortController();
  const idle = watchIdle(AbortSignal.any([leaving.signal, call.stop]), limits.idleTimeoutMs);
  const { signal } = idle;
  socket.on("close", () => leaving.abort(new ConnectError("the client went away", Code.Canceled)));
  // What breaks a connection, and frames that break the protocol: the library closes it.
  socket.on("error", () => undefined);
  // A client that does not take its messages would not take a farewell.
  signal.addEventListener("abort", () => socket.bufferedAmount > 0 && socket.terminate());
  keepAlive(socket, limits.heartbeatMs);
  const messages = requestsOf(socket, call, { moved: idle.moved, refuse: (refusal) => leaving.abort(refusal) });
  try {
    const responses = await callStream(exchange, transport, { method, messages, timeoutMs, signal });
    for await (const message of responses) {
      idle.moved();
      await writeFrame(socket, codec, message);
      idle.moved();
    }
    close(socket, wellDone);
  } catch (thrown) {
    sayWhy(socket, toConnectError(signal.aborted ? signal.reason : thrown, exchange), call.registry);
  } finally {
    idle.stop();
  }
}

interface Listener {
  moved(): void;
  refuse(refusal: ConnectError): void;
}

/** Listens from the start: the first frames may come with the handshake. */
function requestsOf(
  socket: WebSocket,
  { method, codec, request }: Conversation,
  { moved, refuse }: Listener,
): AsyncIterable<Uint8Array> {
  const one = method.methodKind === "server_streaming";
  const most = request ? 0 : one ? 1 : Number.POSITIVE_INFINITY;
  const frames = readFrames(socket, codec, { most, refuse });
  return join();

  async function* join(): AsyncIterable<Uint8Array> {
    if (request) yield request;
    for await (const message of frames) {
      moved();
      yield message;
    }
  }
}

function sayWhy(socket: WebSocket, error: ConnectError, registry: Registry): void {
  if (socket.readyState !== socket.OPEN) return;
  socket.send(JSON.stringify({ error: statusJson(error, registry) }));
  close(socket, closingOf(error));
}

function close(socket: WebSocket, { code, reason }: Closing): void {
  socket.close(code, reason);
  // A client that does not answer the close would hold the connection.
  const patience = setTimeout(() => socket.terminate(), patienceMs);
  socket.on("close", () => clearTimeout(patience));
}
