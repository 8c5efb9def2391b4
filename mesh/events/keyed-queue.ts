/** Runs work in order within a key, side by side across keys, no more than so much at a time. */
export interface KeyedQueue {
  /** Runs `work` when its key and a place are free. Rejects with what `work` throws. */
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** Creates a queue that runs at most `places` at a time. */
export function createKeyedQueue(places: number): KeyedQueue {
  const tails = new Map<string, Promise<unknown>>();
  const waiting: (() => void)[] = [];
  let free = places;

  async function takePlace(): Promise<void> {
    if (free > 0) {
      free--;
    } else {
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }

  function leavePlace(): void {
    const next = waiting.shift();
    if (next === undefined) {
      free++;
    } else {
      next();
    }
  }

  async function runInPlace<T>(before: Promise<unknown> | undefined, work: () => Promise<T>): Promise<T> {
    // How the one before ended is its own caller's business.
    await before?.catch(() => undefined);
    await takePlace();
    try {
      return await work();
    } finally {
      leavePlace();
    }
  }

  return {
    async run(key, work) {
      const running = runInPlace(tails.get(key), work);
      tails.set(key, running);
      try {
        return await running;
      } finally {
        if (tails.get(key) === running) {
          tails.delete(key);
        }
      }
    },
  };
}
