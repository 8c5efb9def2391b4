import { Code, ConnectError } from "@connectrpc/connect";
import type { RawData, WebSocket } from "ws";
import type { FrameFormat } from "./subprotocol.ts";

/** Reads an encoded message from a frame, and writes one into it. */
export interface FrameCodec {
  readonly format: FrameFormat;
  /** Throws a ConnectError for a frame that holds no message. */
  read(frame: Buffer): Uint8Array;
  write(message: Uint8Array): string | Uint8Array;
}

/** What a client may say. */
export interface FrameLimits {
  /** Most messages that the call takes. */
  readonly most: number;
  /** Told when the client says something else. */
  refuse(refusal: ConnectError): void;
}

// Read ahead of the service, beyond what one chunk of the connection holds.
const mostWaiting = 8;

/**
 * The client's messages, until it says by an empty text frame that there are no more, or there may be no more. While
 * the service has not taken what there is, the connection is not read. It never ends because the client is gone: such a
 * client has not finished what it had to say, and the call is cancelled instead.
 */
export function readFrames(socket: WebSocket, codec: FrameCodec, limits: FrameLimits): AsyncIterable<Uint8Array> {
  const waiting: Buffer[] = [];
  let left = limits.most;
  let wake: (() => void) | undefined;
  socket.on("message", (data, isBinary) => {
    const frame = bufferOf(data);
    const last = !isBinary && frame.length === 0;
    if (!last && isBinary !== (codec.format === "proto")) return limits.refuse(wrongFrame(codec.format));
    if (!last && left === 0) return limits.refuse(oneTooMany());
    left = last ? 0 : left - 1;
    if (!last) waiting.push(frame);
    if (waiting.length >= mostWaiting) socket.pause();
    wake?.();
  });
  return read();

  async function* read(): AsyncIterable<Uint8Array> {
    while (left > 0 || waiting.length > 0) {
      const frame = waiting.shift();
      if (waiting.length === 0) socket.resume();
      if (frame) yield codec.read(frame);
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
}

/** Sends a message, and waits until the connection has taken it. Throws when the client is gone. */
export function writeFrame(socket: WebSocket, codec: FrameCodec, message: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.send(codec.write(message), { binary: codec.format === "proto" }, (error) => {
    if (error) reject(error);
    else resolve();
  });
  return promise;
}

function bufferOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

function oneTooMany(): ConnectError {
  return new ConnectError("a message after the last one that this call takes", Code.InvalidArgument);
}

function wrongFrame(format: FrameFormat): ConnectError {
  const expected = format === "proto" ? "binary frames with the messages' bytes" : "text frames with JSON";
  return new ConnectError(`this WebSocket takes ${expected}`, Code.InvalidArgument);
}
