import type { Exchange } from "../http/exchange.ts";
import { watchIdle } from "../http/idle.ts";
import { StreamBody, type StreamBodyOptions } from "./stream-body.ts";

/** How a stream is answered. */
export interface StreamAnswerOptions extends StreamBodyOptions {
  /** Aborts when the gateway cuts off what still runs. */
  readonly cut: AbortSignal;
  /** Calls the method; returns the responses, encoded. The signal aborts when the client goes away, or when nothing has moved for too long. */
  call(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/**
 * Answers with a stream of messages. The headers wait for the first message, so that an early failure still has its own
 * status: it is thrown. They do not wait for ever: a stream that is quiet at first opens after a while. A late failure
 * is written as the format has it, and the answer is then broken off: no client can take it for complete. A client that
 * reads slowly slows the service down; one that leaves, or stands still for too long, ends the call.
 */
export async function answerStream(exchange: Exchange, options: StreamAnswerOptions): Promise<void> {
  const { limits, cut } = options;
  const idle = watchIdle(AbortSignal.any([exchange.signal, cut]), limits.idleTimeoutMs);
  const body = new StreamBody(exchange, options);
  const opening = setTimeout(() => body.begin(), limits.openAfterMs);
  try {
    for await (const message of await options.call(idle.signal)) {
      idle.moved();
      await body.write(message, idle.signal);
      idle.moved();
      // What HEAD asks for is known by now.
      if (exchange.method === "HEAD") break;
    }
    body.end();
  } catch (thrown) {
    body.fail(idle.signal.aborted ? idle.signal.reason : thrown);
  } finally {
    clearTimeout(opening);
    idle.stop();
  }
}
