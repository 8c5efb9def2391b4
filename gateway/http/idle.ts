import { Code, ConnectError } from "@connectrpc/connect";

/** Watches a stream in which something should move. */
export interface Idle {
  /** Aborts with what `signal` aborts with, or with DeadlineExceeded when nothing has moved for too long. */
  readonly signal: AbortSignal;
  moved(): void;
  /** To be called when the stream is over. */
  stop(): void;
}

/** Begins to watch. `timeoutMs` of 0 waits for ever. */
export function watchIdle(signal: AbortSignal, timeoutMs: number): Idle {
  if (timeoutMs === 0) return { signal, moved: () => undefined, stop: () => undefined };
  const idle = new AbortController();
  const timer = setTimeout(() => {
    idle.abort(new ConnectError(`nothing has moved in this stream for ${timeoutMs} ms`, Code.DeadlineExceeded));
  }, timeoutMs);
  return {
    signal: AbortSignal.any([signal, idle.signal]),
    moved: () => timer.refresh(),
    stop: () => clearTimeout(timer),
  };
}
