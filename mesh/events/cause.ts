import { AsyncLocalStorage } from "node:async_hooks";

/** The event that is being taken in: what is announced meanwhile was caused by it. */
export interface Cause {
  readonly eventId: string;
  readonly correlationId: string;
}

const storage = new AsyncLocalStorage<Cause>();

/** Runs `work` as caused by an event. */
export function runCausedBy<T>(cause: Cause, work: () => T): T {
  return storage.run(cause, work);
}

/** The event that the running work was caused by, undefined where it was none. */
export function currentCause(): Cause | undefined {
  return storage.getStore();
}
