import { connect, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";

/** Bytes to be sent over a connection, and what becomes of it then. */
export interface RawCase {
  /** Names it in failures. */
  readonly about: string;
  /** What is written at a time. */
  readonly pieces: readonly Buffer[];
  /** "wait" for what answers it, or do not. */
  readonly ending: "wait" | "half-close" | "reset";
}

/** How a connection is used. */
export interface RawConnection {
  readonly url: string;
  /** By TLS: the protocol to agree on. */
  readonly alpn: "h2" | "http/1.1";
  /** Whether what has been received is all that there is to wait for. */
  isAnswered(received: Buffer): boolean;
}

/** When a case that the gateway leaves without an end counts as one that it does not end. */
const patienceMs = 20_000;

/** Sends a case over a connection of its own, and returns all that came back until that was closed. */
export async function sendRaw({ pieces, ending }: RawCase, { url, alpn, isAnswered }: RawConnection): Promise<Buffer> {
  const socket = open(url, alpn);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`neither answered nor closed within ${patienceMs} ms`)), patienceMs);
  let received = Buffer.alloc(0);
  socket.on("data", (data: Buffer) => {
    received = Buffer.concat([received, data]);
    try {
      if (ending === "wait" && isAnswered(received)) socket.destroy();
    } catch (fault) {
      reject(fault);
    }
  });
  // Being cut off is one of the answers.
  socket.on("error", () => undefined);
  socket.on("close", resolve);
  for (const piece of pieces) await new Promise((written) => socket.write(piece, written));
  if (ending === "half-close") socket.end();
  else if (ending === "reset") reset(socket);
  await promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
  return received;
}

function open(url: string, alpn: string): Socket {
  const { protocol, hostname: host, port } = new URL(url);
  const to = { host, port: Number(port) };
  if (protocol !== "https:") return connect({ ...to, noDelay: true });
  return connectTls({ ...to, ALPNProtocols: [alpn], rejectUnauthorized: false });
}

function reset(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
