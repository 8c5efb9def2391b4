/** What ends a wait: an AbortSignal, or anything else that tells of its end as one does. */
interface WaitSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** A clock that moves only when it is told to. */
export interface VirtualClock {
  /** Milliseconds since it was made. */
  now(): number;
  /** Resolves when the clock has moved on by so much, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: WaitSignal): Promise<void>;
  /** Moves on by so much, from timer to timer, and lets all that was waiting for each run as far as it can. */
  advance(ms: number): Promise<void>;
  /** Moves on until a promise settles, and returns what it settles with. Throws when it waits for nothing in time. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** Timers that nobody has ended. */
  pending(): number;
}

interface Timer {
  readonly at: number;
  readonly ring: () => void;
}

/** Makes a clock that begins at 0, or where it is told to. */
export function virtualClock(startMs = 0): VirtualClock {
  const timers = new Set<Timer>();
  let time = startMs;

  function nextTimer(): Timer | undefined {
    // Timers of the same time ring in the order in which they were set.
    return [...timers].sort((a, b) => a.at - b.at)[0];
  }

  async function ring(timer: Timer): Promise<void> {
    time = Math.max(time, timer.at);
    timer.ring();
    await settled();
  }

  return {
    now: () => time,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = { at: time + Math.max(0, ms), ring: end };
        function end(): void {
          timers.delete(timer);
          signal?.removeEventListener("abort", end);
          resolve();
        }
        timers.add(timer);
        signal?.addEventListener("abort", end);
      });
    },
    async advance(ms) {
      const until = time + ms;
      await settled();
      for (let timer = nextTimer(); timer && timer.at <= until; timer = nextTimer()) await ring(timer);
      time = until;
    },
    async run(promise) {
      let done = false;
      const noted = promise.finally(() => {
        done = true;
      });
      // Its failing is looked at below, after the clock has moved on.
      noted.catch(() => undefined);
      await settled();
      while (!done) {
        const timer = nextTimer();
        if (!timer) throw new Error("the clock has no timer left, and the promise still waits");
        await ring(timer);
      }
      return noted;
    },
    pending: () => timers.size,
  };
}

/** Lets everything run that waits for no time: promises first, then one turn of the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
