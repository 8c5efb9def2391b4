import type { BulkheadPolicy } from "#mesh/contract";

/** What a bulkhead answers. */
export type BulkheadAnswer =
  /** There is a place: `release` gives it back and must be called once. */
  | { readonly kind: "entered"; readonly release: () => void }
  /** There may be one soon. */
  | { readonly kind: "queued"; readonly ticket: BulkheadTicket }
  /** Places and queue are full. */
  | { readonly kind: "full" };

/** A place in the queue. */
export interface BulkheadTicket {
  /** Becomes what gives the place back, once there is one. Stays open for ever after `leave`. */
  readonly entered: Promise<() => void>;
  /** Gives the place in the queue up. False when a place was given meanwhile: it must be released. */
  leave(): boolean;
}

/** Limits what is under way at one time. Has no clock: whoever waits brings the time it waits for. */
export interface Bulkhead {
  enter(): BulkheadAnswer;
  snapshot(): { readonly underWay: number; readonly waiting: number };
}

export function createBulkhead({ maxConcurrent, maxQueue }: BulkheadPolicy): Bulkhead {
  /** In the order in which they came: a set, so that whoever leaves is taken out at once. */
  const waiting = new Set<(release: () => void) => void>();
  let underWay = 0;

  function take(): () => void {
    underWay += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      underWay -= 1;
      const [next] = waiting;
      if (!next) return;
      waiting.delete(next);
      next(take());
    };
  }

  return {
    enter() {
      if (underWay < maxConcurrent) return { kind: "entered", release: take() };
      if (waiting.size >= maxQueue) return { kind: "full" };
      const { promise, resolve } = Promise.withResolvers<() => void>();
      waiting.add(resolve);
      return { kind: "queued", ticket: { entered: promise, leave: () => waiting.delete(resolve) } };
    },
    snapshot: () => ({ underWay, waiting: waiting.size }),
  };
}
