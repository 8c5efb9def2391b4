import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { InventoryErrorReasonSchema } from "#gen/shop/inventory/v1/inventory_errors_pb.ts";
import { file_shop_inventory_v1_inventory_events } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { PaymentReactionService } from "#gen/shop/payment/reactions/v1/payment_reactions_pb.ts";
import { PaymentErrorReasonSchema } from "#gen/shop/payment/v1/payment_errors_pb.ts";
import { file_shop_payment_v1_payment_events } from "#gen/shop/payment/v1/payment_events_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import type { ContractSources } from "#mesh/contract";
import type { TestMesh } from "../mesh.fixture.ts";

/** The contract under which items leave the stock. */
export const inventoryEvents: ContractSources = {
  services: [InventoryService],
  events: file_shop_inventory_v1_inventory_events,
  reactions: InventoryReactionService,
  reasons: InventoryErrorReasonSchema,
};

/** The contract under which money is taken. */
export const paymentEvents: ContractSources = {
  services: [PaymentService],
  events: file_shop_payment_v1_payment_events,
  reactions: PaymentReactionService,
  reasons: PaymentErrorReasonSchema,
};

/** Lets the broker hold an announced event once more, as a message of its own: only its ce-id is the same. */
export async function repeater(mesh: TestMesh, neighbour: string): Promise<(eventId: string) => Promise<void>> {
  const { database } = await mesh.inside(`neighbour.${neighbour}`);
  return async (eventId) => {
    await database.sql`
      insert into heddle.outbox (event_id, aggregate, aggregate_id, aggregate_version, type, subject, headers, payload)
      select gen_random_uuid(), aggregate, aggregate_id, aggregate_version + 1000, type, subject, headers, payload
      from heddle.outbox where event_id = ${eventId}`;
  };
}
