import { after } from "#mesh/channel";
import type { EndSignal } from "#mesh/resilience";

/** Resolves after so many milliseconds, or when the signal aborts. Never rejects. */
export function sleep(ms: number, signal: EndSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      stopClock();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const stopClock = after(ms, end);
    signal.addEventListener("abort", end);
  });
}
