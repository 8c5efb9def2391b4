import type { KeepaliveOptions } from "./options.ts";

/** What a connection shows to the one who keeps it alive. */
export interface KeptConnection {
  readonly streams: number;
  /** Grows with everything that is received. */
  readonly received: number;
  /** Sends a ping; `answered` is called at the answer. */
  ping(answered: () => void): void;
  /** The server gives no sign of life. */
  lost(error: Error): void;
}

/**
 * Asks a silent server for a sign of life (gRFC A8): load balancers drop idle connections without a word, and a ping
 * finds out before a call does. Returns what ends it.
 */
export function keepAlive(connection: KeptConnection, options: KeepaliveOptions): () => void {
  let received = connection.received;
  let timer = setTimeout(look, options.timeMs).unref();

  function look(): void {
    const silent = connection.received === received;
    received = connection.received;
    if (!silent || (connection.streams === 0 && !options.withoutCalls)) {
      timer.refresh();
      return;
    }
    timer = setTimeout(lose, options.timeoutMs).unref();
    connection.ping(() => {
      clearTimeout(timer);
      timer = setTimeout(look, options.timeMs).unref();
    });
  }

  function lose(): void {
    connection.lost(new Error(`the server did not answer a ping within ${options.timeoutMs} ms`));
  }

  return () => clearTimeout(timer);
}
