import { Code, ConnectError } from "@connectrpc/connect";
import type { OrderChanges } from "./order-changes.ts";
import type { OrderRecord } from "./repository.ts";

/** What watching an order needs. */
export interface Watching {
  readonly changes: OrderChanges;
  /** Reads the order as it is now. */
  read(): Promise<OrderRecord>;
  /** Aborts when the caller is gone. */
  readonly gone: AbortSignal;
  /** Aborts when the service stops. */
  readonly stopping: AbortSignal;
}

/** The state in which an order may still change. */
const undecided = "PENDING";

/**
 * Yields an order as it is now, unless that is known, and each time that it has changed, up to its end. What changes
 * faster than it is read is told as it is then. Throws Unavailable when the service stops: another replica goes on.
 */
export async function* watchOrder(afterVersion: number, watching: Watching): AsyncIterable<OrderRecord> {
  const { changes, read, gone, stopping } = watching;
  const stopped = new ConnectError("the service is stopping: watch again", Code.Unavailable);
  const signal = AbortSignal.any([gone, stopping]);
  for (let known = afterVersion; ; ) {
    const order = await read();
    if (order.version > known) yield order;
    if (order.state !== undecided) return;
    known = Math.max(known, order.version);
    await changes.after(order.id, order.version, signal).catch((reason: unknown) => {
      throw stopping.aborted ? stopped : reason;
    });
  }
}
