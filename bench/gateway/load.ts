import { connect, type Socket } from "node:net";

/** What a stretch of load found. */
export interface Load {
  readonly requestsPerSecond: number;
  /** Median time of a request, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Sends one request after the other on each of `connections` for `durationMs`, and reads answers with a
 * Content-Length. It writes and reads bytes itself, since an HTTP client would cost more than what is measured.
 * Throws at an answer other than 200.
 */
export async function generateLoad(
  port: number,
  request: string,
  how: { connections: number; durationMs: number },
): Promise<Load> {
  const bytes = Buffer.from(request);
  const endMs = performance.now() + how.durationMs;
  const startMs = performance.now();
  const times = await Promise.all(Array.from({ length: how.connections }, () => keepAsking(port, bytes, endMs)));
  const seconds = (performance.now() - startMs) / 1_000;
  const sorted = Float64Array.from(times.flat()).sort();
  return {
    requestsPerSecond: sorted.length / seconds,
    p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? Number.NaN,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
  };
}

function keepAsking(port: number, request: Buffer, endMs: number): Promise<number[]> {
  const { promise, resolve, reject } = Promise.withResolvers<number[]>();
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const times: number[] = [];
  let received = "";
  let sentMs = 0;
  const ask = () => {
    sentMs = performance.now();
    socket.write(request);
  };
  socket.setEncoding("latin1");
  socket.on("connect", ask);
  socket.on("error", reject);
  socket.on("data", (chunk: string) => {
    received += chunk;
    const length = answerLength(received);
    if (length === undefined || received.length < length) return;
    if (!received.startsWith("HTTP/1.1 200")) {
      socket.destroy();
      reject(new Error(`an answer that was not expected: ${received}`));
      return;
    }
    received = received.slice(length);
    const nowMs = performance.now();
    times.push(nowMs - sentMs);
    if (nowMs < endMs) return ask();
    socket.destroy();
    resolve(times);
  });
  return promise;
}

/** Length of an answer with its head; undefined while the head is not complete. */
function answerLength(text: string): number | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end + 2))?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${text}`);
  return end + 4 + Number(length);
}
