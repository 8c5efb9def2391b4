/** Awaits a promise or a signal, whichever is first; undefined when the signal aborted. Leaves no listener behind. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) {
    // Nobody looks at it any more, so its failing must not end the process.
    promise.catch(() => undefined);
    return undefined;
  }
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const heard = () => resolve(undefined);
  signal.addEventListener("abort", heard, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", heard);
  }
}
