import { IdentityErrorReasonSchema } from "#gen/platform/identity/v1/identity_errors_pb.ts";
import { file_platform_identity_v1_identity_events } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { InventoryErrorReasonSchema } from "#gen/shop/inventory/v1/inventory_errors_pb.ts";
import { file_shop_inventory_v1_inventory_events } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { PaymentReactionService } from "#gen/shop/payment/reactions/v1/payment_reactions_pb.ts";
import { PaymentErrorReasonSchema } from "#gen/shop/payment/v1/payment_errors_pb.ts";
import { file_shop_payment_v1_payment_events } from "#gen/shop/payment/v1/payment_events_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import type { ContractSources } from "#mesh/contract";

/** The contract under which users go. */
export const identityEvents: ContractSources = {
  services: [IdentityService],
  events: file_platform_identity_v1_identity_events,
  reasons: IdentityErrorReasonSchema,
};

/** The contract under which stock is refused. */
export const inventoryEvents: ContractSources = {
  services: [InventoryService],
  events: file_shop_inventory_v1_inventory_events,
  reactions: InventoryReactionService,
  reasons: InventoryErrorReasonSchema,
};

/** The contract under which payments are decided. */
export const paymentEvents: ContractSources = {
  services: [PaymentService],
  events: file_shop_payment_v1_payment_events,
  reactions: PaymentReactionService,
  reasons: PaymentErrorReasonSchema,
};
