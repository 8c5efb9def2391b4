import {
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from "node:http2";
import { frameMessage } from "./message-frames.ts";

/** What a raw server does. */
export interface RawServerOptions {
  onStream?(stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>): void;
  onSession?(session: ServerHttp2Session): void;
  readonly settings?: Settings;
}

/** An HTTP/2 server without gRPC: each test says what goes over the wire. It ends with the test's scope. */
export async function rawServer({ onStream, onSession, settings = {} }: RawServerOptions) {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer({ settings });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {}).on("close", () => sessions.delete(session));
    onSession?.(session);
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    onStream?.(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${portOf(server)}`,
    sessions,
    [Symbol.dispose]: () => {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

function portOf(server: Http2Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

/** The headers of a good answer. */
export const GOOD = { ":status": 200, "content-type": "application/grpc" } as const;

/** Answers with messages and trailers. */
export function answer(
  stream: ServerHttp2Stream,
  frames: readonly Uint8Array[] = [frameMessage(Buffer.from("hi"))],
  trailers: Readonly<Record<string, string | string[]>> = { "grpc-status": "0" },
): void {
  if (stream.destroyed) return;
  stream.respond(GOOD, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  for (const frame of frames) stream.write(frame);
  stream.end();
}
