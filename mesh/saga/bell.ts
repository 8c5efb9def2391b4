/** Wakes a sleeping loop. A ring while nobody sleeps is remembered, several count as one. */
export interface Bell {
  ring(): void;
  /** Resolves when the bell rings or after `timeoutMs`. One sleeper at a time. */
  wait(timeoutMs: number): Promise<void>;
}

/** Makes a silent bell. */
export function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait(timeoutMs) {
      if (!rung) {
        let timeout: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          timeout = setTimeout(resolve, timeoutMs);
        });
        clearTimeout(timeout);
        wake = undefined;
      }
      rung = false;
    },
  };
}
