import type { EndSignal } from "./ending.ts";

/** Awaits a promise or a signal, whichever is first; undefined when the signal aborted. Leaves no listener behind. */
export function untilAborted<T>(promise: Promise<T>, signal: EndSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const heard = () => resolve(undefined);
    if (signal.aborted) heard();
    else signal.addEventListener("abort", heard);
    // Also when nobody looks at it any more: its failing must not end the process.
    promise.then(
      (value) => {
        signal.removeEventListener("abort", heard);
        resolve(value);
      },
      (error) => {
        signal.removeEventListener("abort", heard);
        reject(error);
      },
    );
  });
}
