/** Something took longer than it may. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** Waits for a promise, but no longer than `ms` milliseconds: then it throws a TimeoutError, and the work goes on unheeded. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new TimeoutError(`there was no answer within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
