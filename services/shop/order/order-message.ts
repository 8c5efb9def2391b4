import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { OrderStatusSchema } from "#gen/shop/order/v1/order_service_pb.ts";
import { stateValue } from "#mesh/saga";
import type { OrderRecord } from "./repository.ts";

/** The message of an order. */
export function toOrder(record: OrderRecord) {
  const { id, userId, lines, total, state, reason, paymentMethod, shippingAddress, createdAt, updatedAt } = record;
  return {
    id,
    userId,
    items: [...lines],
    total,
    status: stateValue(OrderStatusSchema, state),
    reason,
    paymentMethod,
    shippingAddress,
    createTime: timestampFromDate(createdAt),
    updateTime: timestampFromDate(updatedAt),
  };
}
