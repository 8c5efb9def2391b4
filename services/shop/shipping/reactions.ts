import type { StockCommitted } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import type { ShippingReactionService } from "#gen/shop/shipping/reactions/v1/shipping_reactions_pb.ts";
import { PermanentError } from "#mesh/events";
import type { ReactionHandlers } from "#mesh/saga";
import { insertShipment, saveAddress } from "./repository.ts";
import type { Address } from "./shipment.ts";

/** What the shipping service does when others announce something: the second of the two events ships. */
export const shippingReactions: ReactionHandlers<typeof ShippingReactionService> = {
  async onStockCommitted(event, { tx, state }) {
    const { orderId, userId } = event;
    const shippingAddress = requireAddress(event);
    if (state === "NONE") {
      await insertShipment(tx, { orderId, userId, shippingAddress });
      return {};
    }
    await saveAddress(tx, orderId, shippingAddress);
    return { event: { case: "shipmentCreated", value: { orderId, userId } } };
  },

  async onPaymentCaptured({ orderId, userId }, { tx, state }) {
    if (state === "NONE") {
      await insertShipment(tx, { orderId, userId, shippingAddress: undefined });
      return {};
    }
    return { event: { case: "shipmentCreated", value: { orderId, userId } } };
  },
};

// Without an address nothing can be sent: that is for a person to look at, and not to be passed over.
function requireAddress({ orderId, shippingAddress }: StockCommitted): Address {
  if (!shippingAddress) throw new PermanentError(`StockCommitted of order ${orderId} has no shipping address`);
  const { recipient, line1, line2, city, postalCode, country } = shippingAddress;
  return { recipient, line1, line2, city, postalCode, country };
}
