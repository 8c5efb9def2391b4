import { fileURLToPath } from "node:url";
import { ShippingReactionService } from "#gen/shop/shipping/reactions/v1/shipping_reactions_pb.ts";
import { ShippingErrorReasonSchema } from "#gen/shop/shipping/v1/shipping_errors_pb.ts";
import { file_shop_shipping_v1_shipping_events as events } from "#gen/shop/shipping/v1/shipping_events_pb.ts";
import { ShippingService } from "#gen/shop/shipping/v1/shipping_service_pb.ts";
import type { ServiceConfig } from "#mesh/config";
import { implement } from "#mesh/rpc";
import { createService } from "#mesh/service";
import { shippingHandlers } from "./handlers.ts";
import { shippingReactions } from "./reactions.ts";

/** The shipping service, ready to start. */
export function shippingService(config: ServiceConfig) {
  return createService({
    services: [ShippingService],
    events,
    reactions: ShippingReactionService,
    reasons: ShippingErrorReasonSchema,
    migrations: fileURLToPath(new URL("migrations", import.meta.url)),
    config,
    build: ({ database }) => ({
      handlers: [implement(ShippingService, shippingHandlers({ database }))],
      reactions: shippingReactions,
    }),
  });
}
