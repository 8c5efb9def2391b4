import type { Socket } from "node:net";

/** What every connection of HTTP/2 with prior knowledge begins with (RFC 9113, section 3.4). No method is "PRI". */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** The versions that a plaintext connection may speak. */
export type HttpVersion = "1.1" | "2";

/**
 * Looks at the first bytes of a connection and hands it on with what it speaks, all of its bytes still unread. One that
 * says nothing decisive within `timeoutMs` is closed.
 */
export function sniffProtocol(
  socket: Socket,
  { timeoutMs, found }: { readonly timeoutMs: number; readonly found: (version: HttpVersion) => void },
): void {
  const chunks: Buffer[] = [];
  const close = () => socket.destroy();
  const timer = setTimeout(close, timeoutMs);
  const leave = () => {
    clearTimeout(timer);
    socket.off("readable", look).off("end", close).off("error", close).off("close", leave);
  };
  const look = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
    const start = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
    const version = versionOf(start);
    if (version === undefined) return;
    leave();
    socket.unshift(start);
    found(version);
  };
  socket.on("readable", look).on("end", close).on("error", close).on("close", leave);
}

/** Undefined while it may still be either. */
function versionOf(start: Buffer): HttpVersion | undefined {
  const length = Math.min(start.length, preface.length);
  if (start.compare(preface, 0, length, 0, length) !== 0) return "1.1";
  return length === preface.length ? "2" : undefined;
}
