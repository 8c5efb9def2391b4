import type { EndSignal } from "#mesh/resilience";

/** Resolves after so many milliseconds, or when the signal aborts. Never rejects. */
export function sleep(ms: number, signal: EndSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
