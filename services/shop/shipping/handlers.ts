import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { ShippingErrorReason as Reason } from "#gen/shop/shipping/v1/shipping_errors_pb.ts";
import { ShipmentStatusSchema, type ShippingService } from "#gen/shop/shipping/v1/shipping_service_pb.ts";
import type { Database } from "#mesh/db";
import { Refusal } from "#mesh/refusal";
import { type RpcHandlers, requireUser } from "#mesh/rpc";
import { stateValue } from "#mesh/saga";
import { findShipment, type ShipmentRecord } from "./repository.ts";
import { maySee } from "./shipment.ts";

/** Answers the calls of ShippingService. */
export function shippingHandlers({ database }: { readonly database: Database }): RpcHandlers<typeof ShippingService> {
  return {
    async getShipment({ orderId }, context) {
      const found = await findShipment(database.orm, orderId);
      // Somebody else's shipment is answered like one that does not exist: ids are not to be guessed.
      if (!found || !maySee(found, requireUser(context))) {
        throw new Refusal(Reason.SHIPMENT_NOT_FOUND, { order_id: orderId });
      }
      return { shipment: toShipment(found) };
    },
  };
}

function toShipment({ orderId, userId, shippingAddress, state, createdAt, updatedAt }: ShipmentRecord) {
  return {
    orderId,
    userId,
    status: stateValue(ShipmentStatusSchema, state),
    shippingAddress,
    createTime: timestampFromDate(createdAt),
    updateTime: timestampFromDate(updatedAt),
  };
}
