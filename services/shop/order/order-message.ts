import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { OrderStatus } from "#gen/shop/order/v1/order_service_pb.ts";
import type { OrderRecord } from "./repository.ts";

// States are stored by the names that the generated enum has, too.
const statuses = new Map<string, OrderStatus>(Object.entries(OrderStatus));

/** The message of an order. */
export function toOrder(record: OrderRecord) {
  const { id, userId, lines, total, state, reason, paymentMethod, shippingAddress, createdAt, updatedAt } = record;
  return {
    id,
    userId,
    items: [...lines],
    total,
    status: statuses.get(state) ?? OrderStatus.UNSPECIFIED,
    reason,
    paymentMethod,
    shippingAddress,
    createTime: timestampFromDate(createdAt),
    updateTime: timestampFromDate(updatedAt),
  };
}
