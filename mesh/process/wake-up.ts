/** Lets a loop sleep until something happens or a time has passed. */
export interface WakeUp {
  /** Ends the wait that is on, or else the next one. */
  wake(): void;
  /** Waits until wake() is called, at most `ms` milliseconds. */
  wait(ms: number): Promise<void>;
}

/** Creates a WakeUp for one waiting loop. */
export function createWakeUp(): WakeUp {
  let woken = false;
  let end: (() => void) | undefined;
  return {
    wake() {
      woken = true;
      end?.();
    },
    async wait(ms) {
      if (!woken) {
        const { promise, resolve } = Promise.withResolvers<void>();
        end = resolve;
        const timer = setTimeout(resolve, ms);
        await promise;
        clearTimeout(timer);
        end = undefined;
      }
      woken = false;
    },
  };
}
