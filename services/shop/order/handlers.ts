import { OrderErrorReason as Reason } from "#gen/shop/order/v1/order_errors_pb.ts";
import { OrderCancelledSchema } from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderReason, OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { event } from "#mesh/events";
import { Refusal } from "#mesh/refusal";
import { type RpcContext, type RpcHandlers, requireUser } from "#mesh/rpc";
import { maySee, visibleUser } from "./order.ts";
import type { OrderChanges } from "./order-changes.ts";
import { toOrder } from "./order-message.ts";
import { formatPageToken, parsePageToken } from "./page-token.ts";
import { type Placing, placeOrder } from "./place-order.ts";
import { findOrder, listOrders, type OrderRecord, saveReason } from "./repository.ts";
import { watchOrder } from "./watch-order.ts";

const defaultPageSize = 20;

/** What the handlers need. */
export interface OrderParts extends Placing {
  readonly changes: OrderChanges;
  /** Aborts when the service stops. */
  readonly stopping: AbortSignal;
}

/** Answers the calls of OrderService. */
export function orderHandlers(parts: OrderParts): RpcHandlers<typeof OrderService> {
  const { database, participants, changes, stopping } = parts;
  return {
    async placeOrder(request, context) {
      return { order: toOrder(await placeOrder(parts, request, requireUser(context))) };
    },

    async getOrder({ id }, context) {
      return { order: toOrder(await requireOrder(parts, id, context)) };
    },

    async *watchOrder({ id, afterVersion }, context) {
      const read = () => requireOrder(parts, id, context);
      for await (const order of watchOrder(afterVersion, { changes, read, gone: context.signal, stopping })) {
        yield { order: toOrder(order), version: order.version };
      }
    },

    async listOrders({ pageSize, pageToken, userId }, context) {
      const listed = visibleUser(requireUser(context), userId);
      const beforeId = parsePageToken(listed, pageToken);
      const size = pageSize || defaultPageSize;
      const found = await listOrders(database.orm, { userId: listed, beforeId, limit: size + 1 });
      const page = found.slice(0, size);
      const last = found.length > size ? page.at(-1) : undefined;
      return { orders: page.map(toOrder), nextPageToken: last ? formatPageToken(listed, last.id) : "" };
    },

    async cancelOrder(request, context) {
      const { id, userId } = await requireOrder(parts, request.id, context);
      const reason = OrderReason.CANCELLED_BY_CUSTOMER;
      const moved = await participants.command(OrderService.method.cancelOrder, id, async (tx) => {
        await saveReason(tx, id, reason);
        return { emit: event(OrderCancelledSchema, { orderId: id, userId, reason }), value: undefined };
      });
      if (moved.outcome === "refused") throw new Refusal(Reason.NOT_CANCELLABLE, { status: moved.state });
      return { order: toOrder(await requireOrder(parts, id, context)) };
    },
  };
}

// Somebody else's order is answered like one that does not exist: ids are not to be guessed.
async function requireOrder({ database }: Placing, id: string, context: RpcContext): Promise<OrderRecord> {
  const found = await findOrder(database.orm, id);
  if (!found || !maySee(found, requireUser(context))) throw new Refusal(Reason.ORDER_NOT_FOUND, { order_id: id });
  return found;
}
