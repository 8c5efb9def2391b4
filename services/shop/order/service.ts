import { fileURLToPath } from "node:url";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { OrderErrorReasonSchema } from "#gen/shop/order/v1/order_errors_pb.ts";
import { file_shop_order_v1_order_events as events } from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { readEnvironment, type ServiceConfig, variable } from "#mesh/config";
import { implement } from "#mesh/rpc";
import { createService } from "#mesh/service";
import { orderHandlers } from "./handlers.ts";
import { createOrderChanges } from "./order-changes.ts";
import { orderReactions } from "./reactions.ts";

/** What the order service takes from its environment besides what every service does. */
export interface OrderSettings {
  /** ORDER_DEADLINE_MS: how long an order may stay pending, in milliseconds; 0 for what the contract says. */
  readonly deadlineMs: number;
}

/** Reads the order service's own variables. Throws a ConfigurationError that lists every fault. */
export function readOrderSettings(env?: NodeJS.ProcessEnv): OrderSettings {
  return { deadlineMs: readEnvironment({ ORDER_DEADLINE_MS: variable.durationMs(0) }, env).ORDER_DEADLINE_MS };
}

/** The order service, ready to start. */
export function orderService(config: ServiceConfig, { deadlineMs }: OrderSettings = readOrderSettings()) {
  return createService({
    services: [OrderService],
    events,
    reactions: OrderReactionService,
    reasons: OrderErrorReasonSchema,
    migrations: fileURLToPath(new URL("migrations", import.meta.url)),
    config,
    timers: deadlineMs > 0 ? { OnDeadline: deadlineMs } : {},
    build: ({ client, ...parts }) => ({
      handlers: [
        implement(
          OrderService,
          orderHandlers({
            ...parts,
            catalog: client(CatalogService),
            changes: createOrderChanges(parts.database.orm, parts.log),
          }),
        ),
      ],
      reactions: orderReactions,
    }),
  });
}
