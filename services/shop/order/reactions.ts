import type { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { OrderReason } from "#gen/shop/order/v1/order_service_pb.ts";
import type { ReactionContext, ReactionHandlers } from "#mesh/saga";
import { findCustomer, lockPendingOrders, markUserDeleted, saveReason } from "./repository.ts";

/** What the order service does when others announce something, and when time is up. */
export const orderReactions: ReactionHandlers<typeof OrderReactionService> = {
  async onStockRejected(_event, context) {
    return { event: { case: "orderRejected", value: await end(context, OrderReason.OUT_OF_STOCK) } };
  },

  async onPaymentAuthorised(_event, { tx, key: orderId }) {
    return { event: { case: "orderConfirmed", value: { orderId, ...(await findCustomer(tx, orderId)) } } };
  },

  async onPaymentDeclined(_event, context) {
    return { event: { case: "orderCancelled", value: await end(context, OrderReason.PAYMENT_DECLINED) } };
  },

  async onUserDeleted({ userId }, { tx }) {
    await markUserDeleted(tx, userId);
    const reason = OrderReason.USER_DELETED;
    const orderIds = await lockPendingOrders(tx, userId);
    for (const orderId of orderIds) await saveReason(tx, orderId, reason);
    return { orderCancelled: orderIds.map((orderId) => ({ orderId, userId, reason })) };
  },

  async onDeadline(_fired, context) {
    return { event: { case: "orderCancelled", value: await end(context, OrderReason.DEADLINE_EXCEEDED) } };
  },
};

async function end({ tx, key: orderId }: ReactionContext, reason: OrderReason) {
  const userId = await saveReason(tx, orderId, reason);
  return { orderId, userId, reason };
}
