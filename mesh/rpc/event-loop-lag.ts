import { performance } from "node:perf_hooks";

/** Says how late the event loop of this process is. */
export interface EventLoopLag {
  /** Time in milliseconds by which the event loop is behind at the moment. */
  lagMs(): number;
  /** Stops watching. */
  end(): void;
}

/** Time between two looks at the clock, in milliseconds: what is shorter is not seen as lag. */
const TICK_MS = 20;

let watchers = 0;
let timer: NodeJS.Timeout | undefined;
let tickedAt = 0;
let measuredMs = 0;

/**
 * Watches the event loop. All that watch in one process share one timer, which does not keep the process alive, so that
 * asking costs a look at the clock.
 */
export function watchEventLoop(): EventLoopLag {
  if (watchers++ === 0) startTicking();
  let ended = false;
  return {
    // What waited in the sockets during a long task is read before the timer can say that it is late.
    lagMs: () => Math.max(measuredMs, performance.now() - tickedAt - TICK_MS),
    end() {
      if (ended) return;
      ended = true;
      if (--watchers === 0) clearInterval(timer);
    },
  };
}

function startTicking(): void {
  tickedAt = performance.now();
  measuredMs = 0;
  timer = setInterval(tick, TICK_MS).unref();
}

function tick(): void {
  const now = performance.now();
  measuredMs = Math.max(0, now - tickedAt - TICK_MS);
  tickedAt = now;
}
